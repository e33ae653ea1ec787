#include "data/scorecards/scorecards.h"

#include <algorithm>

#include "base/log.h"
#include "base/sql_text.h"
#include "data/products/products.h"
#include "domain/each_resource.h"

namespace mw::scorecards {
namespace {

constexpr std::size_t rows_max = 200'000;

std::string owner_of(const Resource& product) {
    return find_string(product.spec, "owner").value_or("nobody");
}

QueryRequest asking(std::string sql, std::size_t rows) {
    QueryRequest request;
    request.sql = std::move(sql);
    request.limits = {minutes{2}, rows, std::size_t{512} << 20};
    return request;
}

}  // namespace

Scorecards::Scorecards(Parts parts, Options options)
    : parts_(std::move(parts)), options_(options), scope_(parts_.loop) {}

Scorecards::~Scorecards() = default;

Task<> Scorecards::start() {
    scope_.spawn(keep_looking());
    co_return Result<>{};
}

Task<> Scorecards::stop() {
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> Scorecards::keep_looking() {
    for (;;) {
        auto outcome = co_await judge_due();
        if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome;
        if (!outcome) log::warn("scorecards.look.failed", {{"error", outcome.error()}});
        CO_TRY_VOID(co_await sleep_for(options_.look_every));
    }
}

// A day that was missed while the hub was down is not made up for; `scorecard` shows it.
Task<> Scorecards::judge_due() {
    const Timestamp day = day_of(parts_.clock.now() - options_.grace) - one_day;
    const std::string name = to_iso8601(day).substr(0, 10);
    std::vector<Resource> due;
    auto visit = [&](Resource product) {
        const bool judged = find_string(product.status, "scorecard.day") == name;
        if (products::is_promise(product) && !judged && product.created <= day)
            due.push_back(std::move(product));
    };
    CO_TRY_VOID(co_await each_resource(parts_.store, "DataProduct", std::move(visit)));
    for (Resource& product : due) {
        const std::string product_name = product.name;
        auto outcome = co_await judge(std::move(product), day);
        if (outcome) continue;
        if (outcome.error().code == Errc::cancelled) co_return outcome;
        log::warn("scorecards.product.not_judged",
                  {{"product", product_name}, {"error", outcome.error()}});
    }
    co_return Result<>{};
}

Task<std::vector<DayCard>> Scorecards::cards(Resource product, Timestamp first_day, int days) {
    auto request = asking(card_sql(product.name, first_day, first_day + one_day * days), rows_max);
    CO_TRY(auto reply, co_await parts_.queries.query(std::move(request)));
    if (reply.truncated)
        co_return Error{Errc::invalid_input, "product '" + product.name + "' has more than " +
                                                 std::to_string(rows_max) +
                                                 " signals and days; ask for fewer days"};
    CO_TRY(const Json answer, parse_json(reply.body));
    CardOrder order{first_day, days, 0, parts_.clock.now()};
    const auto all = parts_.products.products();
    const auto found = std::find_if(all->begin(), all->end(), [&](const query::Product& one) {
        return one.name == product.name;
    });
    if (found != all->end() && found->devices) order.devices = found->devices->size();
    co_return cards_of(product, answer, order);
}

Task<Json> Scorecards::scorecard(std::string name, int days) {
    CO_TRY(Resource product, co_await parts_.store.get("DataProduct", name));
    const Timestamp first = day_of(parts_.clock.now()) - one_day * (days - 1);
    CO_TRY(const auto made, co_await cards(product, first, days));
    JsonArray list;
    for (const DayCard& card : made) list.push_back(to_json(card));
    JsonObject answer{{"product", name}, {"owner", owner_of(product)}, {"days", std::move(list)}};
    if (const Json* breach = find(product.status, "breach")) answer["breach"] = *breach;
    co_return Json(std::move(answer));
}

Task<> Scorecards::judge(Resource product, Timestamp day) {
    CO_TRY(const auto made, co_await cards(product, day, 1));
    if (made.empty()) co_return Result<>{};
    const DayCard& card = made.front();
    JsonObject summary = to_json(card).get_object();
    summary.erase("signals");
    summary.erase("whole");
    summary["at"] = to_iso8601(parts_.clock.now());
    JsonObject changes{{"scorecard", std::move(summary)}, {"breach", nullptr}};
    AuditNote note{"hub", "product.judged", to_iso8601(day).substr(0, 10) + ": kept its promises"};
    if (!card.breaches.empty()) {
        const std::string says = told_breaches(card);
        const std::string owner = owner_of(product);
        JsonObject breach{{"day", to_iso8601(day).substr(0, 10)}, {"owner", owner}, {"says", says}};
        if (find_string(product.spec, "on_breach") == "quarantine") {
            CO_TRY(std::string held, co_await hold_day(product.name, day, says));
            breach["quarantine"] = std::move(held);
        }
        changes["breach"] = std::move(breach);
        note = {"hub", "product.breached", "for " + owner + ": " + says};
        log::warn("scorecards.contract.breached",
                  {{"product", product.name}, {"owner", owner}, {"says", says}});
    }
    auto written = co_await parts_.store.merge_status("DataProduct", product.name,
                                                      std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

// All series of the product that have points on the day; what was done, for people.
Task<std::string> Scorecards::hold_day(std::string product, Timestamp day, std::string why) {
    const auto instant = [](Timestamp time) {
        return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
    };
    auto request = asking("SELECT DISTINCT device, signal FROM " + sql_name(product) +
                              " WHERE time >= " + instant(day) + " AND time < " +
                              instant(day + one_day) + " ORDER BY device, signal",
                          options_.held_series_max);
    CO_TRY(auto reply, co_await parts_.queries.query(std::move(request)));
    if (reply.truncated)
        co_return "not held: it has more than " + std::to_string(options_.held_series_max) +
            " series; hold them with millwright quarantine hold";
    CO_TRY(const Json answer, parse_json(reply.body));
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array()) co_return Error{Errc::corrupt, "the answer has no rows"};
    std::size_t series = 0;
    for (const Json& row : rows->get_array()) {
        const auto& cells = row.get_array();
        std::string device(cells[0].get_string()), signal(cells[1].get_string());
        std::string because = "contract of " + product + " broken, " + why;
        CO_TRY_VOID(co_await parts_.hold(std::move(device), std::move(signal), day, day + one_day,
                                         std::move(because)));
        ++series;
    }
    co_return "held " + std::to_string(series) + " series";
}

}  // namespace mw::scorecards
