#pragma once
// The quarantine: bad points are stored with their code, and what people (or a breach of a
// contract) decided about them is a log beside them (docs/formats/quarantine.md). A record releases
// points of a device's signal and stretch of time, holds them, or confirms what the checks said; of
// several that cover a point the newest counts. No point is ever changed.

#include "data/quarantine/quarantine_log.h"
#include "data/quarantine/record.h"
