#pragma once
// Judges each contract once a day, when the day is over: the scorecard goes into the product's
// status, a breach is an audit fact and tells the owner, and may hold the day's points. Belongs to
// the control loop. One product at a time. Limits: 1,000 series held for a breach.

#include <functional>
#include <memory>
#include <string>

#include "data/query/query.h"
#include "data/scorecards/card.h"
#include "domain/resource_store.h"

namespace mw::scorecards {

struct Options {
    nanoseconds look_every = minutes{10};
    nanoseconds grace = hours{1};  // after midnight: what is on its way still comes
    std::size_t held_series_max = 1000;
};

class Scorecards {
 public:
    // Puts points of a series into quarantine: device, signal, from, to, why.
    using Hold = std::function<Task<>(std::string, std::string, Timestamp, Timestamp, std::string)>;
    struct Parts {  // all outlive the object
        Loop& loop;
        ResourceStore& store;
        QueryEngine& queries;
        query::ProductSource& products;
        Clock& clock;
        Hold hold;
    };
    explicit Scorecards(Parts parts, Options options = {});
    ~Scorecards();  // after stop()

    Task<> start();
    Task<> stop();

    // {"product","owner","days":[...]}, newest first, today included. not_found.
    Task<Json> scorecard(std::string product, int days);
    // Judges what is due now; start() does so from time to time.
    Task<> judge_due();

 private:
    Task<std::vector<DayCard>> cards(Resource product, Timestamp first_day, int days);
    Task<> judge(Resource product, Timestamp day);
    Task<std::string> hold_day(std::string product, Timestamp day, std::string why);
    Task<> keep_looking();

    Parts parts_;
    Options options_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::scorecards
