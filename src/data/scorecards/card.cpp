#include "data/scorecards/card.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/sql_text.h"

namespace mw::scorecards {
namespace {

// What "99 of 100" in a contract's latency leaves.
constexpr double late_share_max = .01;
constexpr std::size_t told_max = 3;

std::string date_text(Timestamp day) { return to_iso8601(day).substr(0, 10); }

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * share);
    return text;
}

std::optional<nanoseconds> duration_in(const Json& from, std::string_view path) {
    const auto text = find_string(from, path);
    if (!text) return std::nullopt;
    const auto duration = parse_duration(*text);
    if (!duration || duration->count() <= 0) return std::nullopt;
    return *duration;
}

const Json* signal_of(const Resource& product, const std::string& name) {
    const Json* signals = find(product.spec, "signals");
    if (!signals || !signals->is_array()) return nullptr;
    for (const Json& signal : signals->get_array())
        if (find_string(signal, "name") == name) return &signal;
    return nullptr;
}

class CardMaker {
 public:
    CardMaker(const Resource& product, const CardOrder& order) : product_(product), order_(order) {}

    DayCard make(Timestamp day, std::map<std::string, SignalDay> signals) const {
        DayCard card;
        card.day = day;
        card.whole = day + one_day <= order_.now;
        add_promised(signals);
        for (auto& [name, signal] : signals) {
            expect(signal, day);
            card.signals.push_back(std::move(signal));
        }
        sum_up(card);
        if (card.whole && day >= product_.created) judge(card);
        return card;
    }

 private:
    // A signal that the contract names and nobody sent is there with no points.
    void add_promised(std::map<std::string, SignalDay>& signals) const {
        const Json* promised = find(product_.spec, "signals");
        if (!promised || !promised->is_array()) return;
        for (const Json& signal : promised->get_array())
            if (const auto name = find_string(signal, "name")) signals[*name].signal = *name;
    }

    void expect(SignalDay& signal, Timestamp day) const {
        const Json* promised = signal_of(product_, signal.signal);
        auto every = promised ? duration_in(*promised, "every") : std::nullopt;
        if (!every) every = duration_in(product_.spec, "sla.frequency");
        if (!every) return;
        const nanoseconds until = std::min(order_.now, day + one_day) - day;
        const std::uint64_t devices = order_.devices > 0 ? order_.devices : signal.devices;
        const auto each = static_cast<std::uint64_t>(std::max<std::int64_t>(0, until / *every));
        signal.expected = each * devices;
    }

    static void sum_up(DayCard& card) {
        std::uint64_t expected = 0, came = 0, good = 0, late = 0;
        for (const SignalDay& signal : card.signals) {
            good += signal.good;
            late += signal.late;
            if (!signal.expected) continue;
            expected += *signal.expected;
            came += std::min(signal.points, *signal.expected);
        }
        const auto points = static_cast<double>(card.points());
        if (expected > 0)
            card.completeness = static_cast<double>(came) / static_cast<double>(expected);
        if (points == 0) return;
        card.good = static_cast<double>(good) / points;
        card.late = static_cast<double>(late) / points;
    }

    void judge(DayCard& card) const {
        if (const auto least = find_number(product_.spec, "sla.completeness");
            least && card.completeness && *card.completeness < *least)
            breach(card, "completeness", "", *least, *card.completeness);
        if (find(product_.spec, "sla.latency") && card.late && *card.late > late_share_max)
            breach(card, "latency", "", 1 - late_share_max, 1 - *card.late);
        for (const SignalDay& signal : card.signals) {
            const Json* promised = signal_of(product_, signal.signal);
            if (!promised || signal.points == 0) continue;
            const auto points = static_cast<double>(signal.points);
            const double good = static_cast<double>(signal.good) / points;
            const double in_time = 1 - static_cast<double>(signal.late) / points;
            if (const auto least = find_number(*promised, "good_ratio"); least && good < *least)
                breach(card, "good_ratio", signal.signal, *least, good);
            if (find(*promised, "late_p99") && in_time < 1 - late_share_max)
                breach(card, "latency", signal.signal, 1 - late_share_max, in_time);
        }
    }

    void breach(DayCard& card, const char* term, const std::string& signal, double promised,
                double measured) const {
        const std::string what = term == std::string("good_ratio") ? "good points"
                                 : term == std::string("latency")  ? "points in time"
                                                                   : "expected points";
        card.breaches.push_back({term, signal, promised, measured,
                                 (signal.empty() ? std::string() : signal + ": ") +
                                     percent(measured) + " " + what + ", promised are " +
                                     percent(promised)});
    }

    const Resource& product_;
    const CardOrder& order_;
};

Result<std::uint64_t> whole_number(const Json& cell) {
    if (cell.is_int64() && cell.get_int64() >= 0)
        return static_cast<std::uint64_t>(cell.get_int64());
    if (cell.is_uint64()) return cell.get_uint64();
    return Error{Errc::corrupt, "a count in the scorecard's answer is no whole number"};
}

using Days = std::map<std::int64_t, std::map<std::string, SignalDay>>;

Result<Days> days_in(const Json& answer) {
    Days days;
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array())
        return Error{Errc::corrupt, "the scorecard's answer has no rows"};
    for (const Json& row : rows->get_array()) {
        if (!row.is_array() || row.get_array().size() != 7 || !row.get_array()[0].is_int64() ||
            !row.get_array()[1].is_string())
            return Error{Errc::corrupt, "a row of the scorecard's answer has another shape"};
        const auto& cells = row.get_array();
        SignalDay signal;
        signal.signal = std::string(cells[1].get_string());
        std::uint64_t* counts[] = {&signal.points, &signal.good, &signal.bad, &signal.late,
                                   &signal.devices};
        for (std::size_t i = 0; i < std::size(counts); ++i) {
            TRY(*counts[i], whole_number(cells[i + 2]));
        }
        days[cells[0].get_int64()][signal.signal] = signal;
    }
    return days;
}

Json share(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::uint64_t DayCard::points() const {
    std::uint64_t sum = 0;
    for (const SignalDay& signal : signals) sum += signal.points;
    return sum;
}

Timestamp day_of(Timestamp time) {
    const std::int64_t length = one_day.count();
    return {time.ns - ((time.ns % length) + length) % length};
}

std::string card_sql(const std::string& product, Timestamp from, Timestamp to) {
    const auto instant = [](Timestamp time) {
        return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
    };
    return "SELECT epoch_ns(time) // " + std::to_string(one_day.count()) +
           " AS day, signal, count(*), count(*) FILTER (WHERE quality >= 192), count(*) FILTER "
           "(WHERE quality < 64), count(*) FILTER (WHERE (quality & 63) = 5), count(DISTINCT "
           "device) "
           "FROM " +
           sql_name(product) + " WHERE time >= " + instant(from) + " AND time < " + instant(to) +
           " GROUP BY 1, 2 ORDER BY 1, 2";
}

Result<std::vector<DayCard>> cards_of(const Resource& product, const Json& answer,
                                      const CardOrder& order) {
    TRY(Days days, days_in(answer));
    const CardMaker maker(product, order);
    std::vector<DayCard> cards;
    for (int i = order.days - 1; i >= 0; --i) {
        const Timestamp day = order.first_day + one_day * i;
        auto found = days.find(day.ns / one_day.count());
        const bool any = found != days.end();
        if (day > order.now || (!any && day + one_day <= product.created)) continue;
        cards.push_back(
            maker.make(day, any ? std::move(found->second) : std::map<std::string, SignalDay>{}));
    }
    return cards;
}

Json to_json(const DayCard& card) {
    JsonArray signals, breaches;
    for (const SignalDay& signal : card.signals)
        signals.push_back(
            JsonObject{{"signal", signal.signal},
                       {"points", signal.points},
                       {"good", signal.good},
                       {"bad", signal.bad},
                       {"late", signal.late},
                       {"devices", signal.devices},
                       {"expected", signal.expected ? Json(*signal.expected) : Json(nullptr)}});
    for (const Breach& breach : card.breaches)
        breaches.push_back(JsonObject{{"term", breach.term},
                                      {"signal", breach.signal},
                                      {"promised", breach.promised},
                                      {"measured", breach.measured},
                                      {"says", breach.says}});
    return JsonObject{{"day", date_text(card.day)},    {"whole", card.whole},
                      {"points", card.points()},       {"completeness", share(card.completeness)},
                      {"good", share(card.good)},      {"late", share(card.late)},
                      {"signals", std::move(signals)}, {"breaches", std::move(breaches)}};
}

std::string told_breaches(const DayCard& card) {
    std::string text = date_text(card.day) + ": ";
    for (std::size_t i = 0; i < card.breaches.size() && i < told_max; ++i)
        text += (i > 0 ? "; " : "") + card.breaches[i].says;
    if (card.breaches.size() > told_max)
        text += "; and " + std::to_string(card.breaches.size() - told_max) + " more";
    return text;
}

}  // namespace mw::scorecards
