"""The scoreboard: our pipeline and the rules used elsewhere, on the same bins of the same cases."""
