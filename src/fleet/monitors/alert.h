#pragma once
// What a Monitor's alert tells: the KPI at risk, what it costs, whose it is, what to do next. Pure.

#include <string>

#include "domain/resource.h"
#include "fleet/monitors/outcomes.h"
#include "fleet/monitors/reading.h"

namespace mw::monitors {

struct Priced {
    statistics::PriceReading price;
    std::string why_not;  // without a price: what is missing, beside labels
};
// `windows_per_week`: decisions that the fleet makes.
Priced price_of(const Resource& use_case, const Resource& version,
                const std::vector<Answered>& answers, Timestamp since, double windows_per_week,
                double confidence);

struct AlertInputs {
    const Resource& monitor;
    const Resource& use_case;
    const Resource& version;
    const drift::FleetReading& reading;
    bool shifted = false;
    const Decline& decline;
    const Priced& priced;
    Timestamp now;
};
// {"raised_at","use_case","model","version","says","kpi":{...}|null,"owner","sponsor",
//  "next_action","loss_per_week":{...}|"unpriced","labels_missing",...}
JsonObject alert_of(const AlertInputs& in);

}  // namespace mw::monitors
