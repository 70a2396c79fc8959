"""The situations, by name."""

from streams.evaluation.simulate.situations import (
    azerbaijan,
    broken,
    iran,
    iran_mobile,
    kazakhstan_phones,
    nights,
    xinjiang,
    zhanaozen,
)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        zhanaozen.SCENARIO,
        kazakhstan_phones.SCENARIO,
        iran_mobile.SCENARIO,
        iran.SCENARIO,
        xinjiang.SUBSCRIBERS,
        xinjiang.DARK,
        azerbaijan.SCENARIO,
        nights.EXAMS,
        nights.CURFEW,
        broken.SCENARIO,
        broken.QUIET,
    )
}
