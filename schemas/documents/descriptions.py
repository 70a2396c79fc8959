"""What the fields of the messages mean: the text of their JSON Schemas."""

from __future__ import annotations

from typing import Final

MEASUREMENT: Final = {
    "feed": "The configured feed.",
    "ts": "Event time: Unix seconds, or RFC 3339 in any offset.",
    "asn": "Autonomous system number. At least one of `asn`, `region` and `country` is there.",
    "country": "ISO 3166-1 alpha-2 code.",
    "region": "ISO 3166-2 code, or any `CC-name` of at most 64 printable characters.",
    "access": "Facet: the kind of access network.",
    "direction": "Facet: where the traffic goes.",
    "service": "Facet: one service, such as `whatsapp`.",
    "value": "The number observed.",
    "of": "Trials, for a ratio: at least `value`.",
    "member": "Who was seen, for feeds of kind `distinct` and `presence`.",
    "up": "Whether the member came (true) or went (false), for feeds of kind `presence`.",
}

OUTAGE: Final = {
    "schema": "Number of the message's schema.",
    "outage_id": "A function of the series and the opening bin; the key of the message.",
    "revision": "Grows by one with each change; a repeated one has the same bytes.",
    "state": "`retracted`: never confirmed, or a feed's fault. `rebaselined`: now normal. `expired`: the feed stopped.",
    "entity": "What is out: `asn/N`, `region/CC-name` or `country/CC`.",
    "country": "Country of the entity, where its measurements name one.",
    "region": "Region of the entity, where its measurements name one.",
    "facets": "What narrows the series within its entity; an absent facet means all of it.",
    "feed": "The feed that shows it.",
    "signal": "How the feed observes the Internet.",
    "started_at": "When it began.",
    "started_between": "The earliest and the latest time at which it can have begun.",
    "detected_at": "End of the bin whose evidence sufficed.",
    "updated_at": "Event time of this revision.",
    "ended_at": "When it ended; null before that.",
    "value": "The level in the newest bin; null when it is unknown.",
    "expected": "The level that the baseline expects there.",
    "drop": "Share of the expected level that is missing: of the level of several bins, not of `value` alone.",
    "max_drop": "The largest such share so far.",
    "severity": "How much of the entity is gone.",
    "shape": "How it fell.",
    "drops": "The distinct falls, oldest first.",
    "evidence": "Log-likelihood ratio that the level has fallen, in nats.",
    "suppressed_by": "What keeps it from alerting, a calendar entry or `recurring`; null when nothing does.",
    "incident_id": "The incident that it belongs to; null while there is none.",
    "missing_bins": "Bins while it lasted that are unknown: their measurements were deleted unread. Absent: none.",
    "explain": "Why it was decided so.",
}

REMARK: Final = {
    "": "What an operator says of an incident: a silence, an acknowledgement or a note.",
    "schema": "The version of this message.",
    "incident_id": "The incident.",
    "kind": "`silence`: no messages until a time; `ack`: a person is at it; `note`: such as a cause.",
    "by": "Who says it.",
    "text": "Why, or the note.",
    "written_at": "When it was written, by the clock of the command.",
    "until": "When a silence ends; null of anything else.",
    "link": "Where to read more; null without.",
}
CALENDAR: Final = {
    "schema": "Number of the message's schema.",
    "entry_id": "A function of the times, entities, facets and note; the key of the message.",
    "starts": "When it begins.",
    "ends": "The first instant after it.",
    "entities": "What is expected to be down, whole or in part: `asn/N`, `region/CC-name` or `country/CC`.",
    "facets": "Only outages with these facets are expected; none: all outages of the entities.",
    "note": "Why: it stands in the headlines of incidents.",
    "known": "When the entry counts, oldest first: an entry that was removed stays, so that a replay is the same.",
}

ONLY: Final = {
    "access": "The kind of access network.",
    "direction": "Where the traffic goes.",
    "service": "One service, such as `whatsapp`.",
}

PERIOD: Final = {
    "added_at": "The time at which it was added: it says nothing of bins that ended before.",
    "removed_at": "The time at which it was removed; null while it is there.",
}

DROP: Final = {
    "at": "Start of the bin of the fall.",
    "drop": "Share of the expected level lost by then.",
}

INSTALLATION: Final = {
    "schema": "Number of the message's schema.",
    "app_id": "Name of the installation: `kafka.prefix` and `kafka.app_id`.",
    "topics": "The topics that only this installation writes, sorted.",
    "feeds": "The feeds that it watches, sorted; empty where these are not known.",
}

CLOCK: Final = {
    "feed": "The feed that has reached a new bin.",
    "newest": "Its newest event time, in Unix seconds.",
    "partition": "The partition of the measurement topic that had it.",
}

INCIDENT: Final = {
    "schema": "Number of the message's schema.",
    "incident_id": "A function of the id of its first outage; the key of the message.",
    "revision": "Grows by one with each change; a repeated one has the same bytes.",
    "state": "`expired`: the feeds stopped. `retracted`: never confirmed, or the feed was not at fault after all. "
    "A merged one is `ended` and says into which.",
    "scope": "Where.",
    "kinds": "`total` or `partial`, and what it is confined to where the rest is measured; or `feed-fault` alone.",
    "severity": "How much of what has fallen is gone.",
    "affected_share": "The largest share lost so far of what is measured in the countries; null for a feed's fault.",
    "recovered_share": "The share of the loss that is back while the incident goes on; 0 when it is over.",
    "services": "The services that fail.",
    "headline": "One sentence: what, where, how much, since when, how sure, and whether it is over.",
    "started_at": "When it began.",
    "detected_at": "End of the bin whose evidence sufficed for its first outage.",
    "confirmed_at": "When it was first more than a suspicion; null before, and when it is retracted.",
    "updated_at": "Event time of this revision.",
    "ended_at": "When it ended; null before that, and when it expired or was merged.",
    "drops": "The distinct falls of what had fallen by then, oldest first.",
    "spread": "When each region and network first fell, or the country when no smaller place is known.",
    "feeds": "The feeds that show it; of a feed's fault, that feed.",
    "outage_ids": "Its outages.",
    "confidence": "Which feeds bear it out.",
    "suppressed_by": "What keeps it from alerting, a calendar entry or `recurring`; null when nothing does.",
    "merged_into": "The older incident that it was found to be a part of; null when there is none.",
    "absorbed": "The younger incidents that were found to be parts of this one.",
    "incomplete_feeds": "Feeds of which measurements were deleted unread while it lasted. Absent: none.",
}

SCOPE: Final = {
    "countries": "ISO 3166-1 alpha-2 codes.",
    "regions": "ISO 3166-2 codes or `CC-name`.",
    "asns": "Autonomous system numbers.",
}

JOINED: Final = {"at": "Start of the bin of its first fall.", "entity": "The region, network or country."}

CONFIDENCE: Final = {
    "for": "Feeds that show it.",
    "against": "Feeds that could have shown it and do not.",
    "silent": "Feeds that cannot tell.",
    "evidence": "Log-likelihood ratios of its outages, summed, in nats.",
    "note": "What the feeds say together, such as routes that are up while all else is down.",
    "by_feed": "Nats of each feed when it opened, where none shows it by itself; less than 0: against.",
}

FINDING: Final = {
    "schema": "Number of the message's schema.",
    "reporter": "Who found it: the shard of a partition, or the areas that are summed from all shards.",
    "feed": "The feed.",
    "end": "End of the bin that closed, in Unix seconds.",
    "piece": "Number of this piece of the finding; a repeated one has the same bytes.",
    "last": "Whether it is the last piece.",
    "silent": "Whether the reporter has no data of the feed; the report only says that nothing older will follow.",
    "fault": "Whether most of the reporter's series of the feed have fallen in this bin: the feed may be at fault.",
    "empty": "Whether nothing was measured in this bin.",
    "outages": "Revisions of outages that changed when the bin closed.",
    "levels": "What is expected of all series that the reporter scores, once an hour; null in between.",
    "doubts": "Series that may have fallen and show no outage by themselves: evidence from 3 nats on.",
    "falls": "How many series fell in this bin; added up over all shards, it decides whether the feed is at fault. "
    "Absent where areas report, and in reports of older versions.",
    "rewound": "How often the reporter's time of the feed has gone back, as it was false; what it said before of later "
    "bins is void.",
}

FALLS: Final = {
    "countries": "ISO 3166-1 alpha-2 codes in order; empty where the country is unknown.",
    "scored": "How many series of each country were compared with what is expected.",
    "fell": "How many of them fell as series of a feed at fault do.",
    "sigmas": "By how many hundredths of a standard deviation all of them lie low together.",
}

DOUBTS: Final = {
    "country": "ISO 3166-1 alpha-2 code.",
    "facets": "What narrows the series within their entities; empty when they are all of them.",
    "entities": "The entities.",
    "evidence": "The nats that each shows.",
    "drop": "The share of normal that each may have lost.",
    "since": "Start of the first bin of each fall, in Unix seconds.",
}

LEVELS: Final = {
    "country": "ISO 3166-1 alpha-2 code.",
    "facets": "What narrows the series within their entities; empty when they are all of them.",
    "entities": "The entities.",
    "expected": "The level expected of each.",
    "spread": "The standard deviation of a normal bin of each.",
}

PARTIAL: Final = {
    "feed": "The configured feed.",
    "kind": "Its kind; a partial of another kind than the feed has now is ignored.",
    "bin": "Width of its bins in seconds; a partial of another width is ignored.",
    "areas": "The combination, as in the feed's `areas`.",
    "start": "Start of the bin, Unix seconds.",
    "shard": "The partition of the measurement topic that sends the sums.",
    "piece": "Number of this piece of the partial, from 0.",
    "pieces": "How many pieces the partial has.",
    "weight": "How many series the shard has; null: it has nothing of the feed, in this bin and all before.",
    "doubted": "Whether most of its series fell together, so that the feed may be at fault.",
    "spoke": "Whether anything was measured that is part of an area.",
    "unread": "Whether measurements of this bin were deleted unread: all areas are unknown in it. Absent: no.",
    "rewound": "How often the shard's time of the feed has gone back, as it was false.",
    "false_from": "Start of the first bin (Unix s) that the shard closed before it was over, as its time was false.",
    "entities": "The entity of each area.",
    "countries": "The country of each area, where its measurements name one.",
    "facets": "The facets of each area, a list for each of them.",
    "ranks": "What each is summed from: 0 itself, 1 networks, 2 regions, 3 countries.",
    "sums": "Sums over what each area is made of, by name; `.high` in 2^36, `.low` in 2^-36; none: all are 0.",
}
