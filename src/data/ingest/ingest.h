#pragma once
// From a published message to stored, judged points: topic, decode, quality, history, ticket. One
// per data loop, and everything here belongs to that loop; what others need leaves as owned values.
// Limits are in IngestOptions and payload::Limits; beyond them the door is told `overloaded`.

#include "data/ingest/dead_letters.h"
#include "data/ingest/directory.h"
#include "data/ingest/door.h"
#include "data/ingest/outboxes.h"
#include "data/ingest/relay.h"
#include "data/ingest/ticket_line.h"
#include "data/ingest/topic.h"
