"""What produces measurements: data of others, read, mapped, summed for each network and bin, and sent."""
