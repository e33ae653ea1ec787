#include "insight/quality/engine.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "insight/quality/clock_skew.h"
#include "insight/quality/series.h"

namespace mw::quality {
namespace {

// An episode goes on when its reason comes back after at most this many good points.
constexpr std::uint32_t good_between = 16;

bool overlaps(const Episode& episode, Timestamp from, Timestamp to) {
    return episode.points > 0 && episode.from <= to && from <= episode.to;
}

Finding finding_of(const std::string& device, const std::string& signal, const Episode& episode) {
    return {device, signal, episode.reason, episode.from, episode.to, episode.points};
}

}  // namespace

class Engine::Book {
 public:
    explicit Book(Options options) : options_(options) {}

    void judge(const Batch& batch, const Rules& rules, bool judge_time, Quality* codes);
    std::shared_ptr<const Places> places(const Batch& batch, const Rules& rules);
    void judge(const Batch& batch, const Rules& rules, const Places& places, Quality* codes);
    void forget(const std::string& device);
    Scorecard scorecard(const std::string* only) const;
    std::vector<Finding> findings(const std::string& device, Timestamp from, Timestamp to) const;

    std::size_t series_count = 0;
    std::uint64_t unremembered = 0;

    struct Device {
        Rules rules;
        std::uint64_t epoch = 0;
        ClockSkew clock;
        std::unordered_map<std::string, std::unique_ptr<Series>> series;
        std::vector<Series*> order;  // of the runs in its last message: the next is likely the same
    };

 private:
    // What was found; forget() removes those whose names go.
    struct Kept {
        const std::string* device;
        const std::string* signal;
        Episode episode;
    };

    Device& device_of(const Batch& batch, const Rules& rules);
    static void learn(Device& device, const Rules& rules);
    static Moment moment_of(Device& device, const Batch& batch, const Rules& rules,
                            bool judge_time);
    static void follow(const Device& device, Series& series, const std::string& signal);
    static unsigned faults_of_clock(Device& device, const Batch& batch, nanoseconds tolerance);
    Series* series_of(Device& device, const Batch& batch, std::size_t run);
    Series* find_or_add(Device& device, const std::string& signal);
    void judge_run(const std::string& device, Series& series, const Batch& batch, const Run& run,
                   const Moment& moment, Quality* codes);
    struct RowSpan {
        std::uint32_t begin = 0, end = 0;
    };
    void judge_rows(const std::string& device, Series& series, const Batch& batch, RowSpan span,
                    unsigned common, const Moment& moment, Quality* codes);
    void judge_boxed(const std::string& device, Series& series, const Batch& batch, const Run& run,
                     unsigned common, const Moment& moment, Quality* codes);
    void follow_up(const std::string& device, Series& series, Timestamp time, Quality code,
                   unsigned faults, Episode& gap);
    void note(const std::string& device, Series& series, Timestamp time, Quality code);
    void keep(const std::string& device, const Series& series, const Episode& episode);

    Options options_;
    std::unordered_map<std::string, Device> devices_;
    std::deque<Kept> kept_;
    Series stranger_;  // judges one run when there is no room to remember it
};

struct Engine::Places {
    Book::Device* device = nullptr;
    std::vector<Series*> series;  // by run
};

void Engine::Book::judge(const Batch& batch, const Rules& rules, bool judge_time, Quality* codes) {
    Device& device = device_of(batch, rules);
    const Moment moment = moment_of(device, batch, rules, judge_time);
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        Series* series = series_of(device, batch, i);
        follow(device, *series, batch.runs[i].signal);
        judge_run(batch.device.text, *series, batch, batch.runs[i], moment, codes);
    }
}

void Engine::expect(const Places& places) {
    constexpr std::size_t expected_max = 32;  // the rest of a long batch is fetched as it goes on
    __builtin_prefetch(places.device, 1);
    const std::size_t count = std::min(places.series.size(), expected_max);
    for (std::size_t i = 0; i < count; ++i) __builtin_prefetch(places.series[i], 1);
}

void Engine::Book::judge(const Batch& batch, const Rules& rules, const Places& places,
                         Quality* codes) {
    Device& device = *places.device;
    learn(device, rules);
    const Moment moment = moment_of(device, batch, rules, !batch.replayed);
    const std::size_t count = batch.runs.size();
    constexpr std::size_t ahead = 3;  // series that are on their way from memory
    for (std::size_t i = 0; i < std::min(ahead, count); ++i) places.series[i]->prefetch();
    for (std::size_t i = 0; i < count; ++i) {
        if (i + ahead < count) places.series[i + ahead]->prefetch();
        Series& series = *places.series[i];
        follow(device, series, batch.runs[i].signal);
        judge_run(batch.device.text, series, batch, batch.runs[i], moment, codes);
    }
}

std::shared_ptr<const Engine::Places> Engine::Book::places(const Batch& batch, const Rules& rules) {
    auto places = std::make_shared<Places>();
    places->device = &device_of(batch, rules);
    for (const Run& run : batch.runs) {
        places->series.push_back(find_or_add(*places->device, run.signal));
        if (places->series.back() == &stranger_) return nullptr;
    }
    return places;
}

Engine::Book::Device& Engine::Book::device_of(const Batch& batch, const Rules& rules) {
    Device& device = devices_[batch.device.text];
    learn(device, rules);
    return device;
}

void Engine::Book::learn(Device& device, const Rules& rules) {
    if (device.rules == rules) return;
    device.rules = rules;
    ++device.epoch;
}

Moment Engine::Book::moment_of(Device& device, const Batch& batch, const Rules& rules,
                               bool judge_time) {
    Moment moment{batch.arrival, judge_time, rules->ahead_tolerance};
    if (judge_time) moment.faults = faults_of_clock(device, batch, rules->ahead_tolerance);
    return moment;
}

// Rules that changed since the series was last judged.
void Engine::Book::follow(const Device& device, Series& series, const std::string& signal) {
    if (series.rules_epoch == device.epoch) [[likely]]
        return;
    const RuleSet& rules = *device.rules;
    const auto found = rules.signals.find(signal);
    const bool declared = found != rules.signals.end();
    series.use(declared ? found->second : rules.others, declared || rules.signals.empty(),
               device.epoch);
}

// The last point of a series is its newest, but for those that come out of order: they tell nothing
// of the clock.
unsigned Engine::Book::faults_of_clock(Device& device, const Batch& batch, nanoseconds tolerance) {
    for (const Run& run : batch.runs)
        if (run.end > run.begin)
            device.clock.add(batch.arrival, batch.times[run.end - 1], tolerance);
    return device.clock.drifted() ? bit(Fault::clock) : 0;
}

Series* Engine::Book::series_of(Device& device, const Batch& batch, std::size_t run) {
    const std::string& signal = batch.runs[run].signal;
    if (run < device.order.size() && device.order[run]->signal == signal) return device.order[run];
    Series* series = find_or_add(device, signal);
    if (series == &stranger_) return series;
    if (run < device.order.size())
        device.order[run] = series;
    else if (run == device.order.size())
        device.order.push_back(series);
    return series;
}

Series* Engine::Book::find_or_add(Device& device, const std::string& signal) {
    const auto found = device.series.find(signal);
    if (found != device.series.end()) return found->second.get();
    if (series_count >= options_.series_max) {
        stranger_ = Series{};
        stranger_.signal = signal;
        return &stranger_;
    }
    ++series_count;
    auto& made = device.series[signal];
    made = std::make_unique<Series>();
    made->signal = signal;
    return made.get();
}

// `codes` are those of the batch, which say what the source says: without a fault they stay.
void Engine::Book::judge_run(const std::string& device, Series& series, const Batch& batch,
                             const Run& run, const Moment& moment, Quality* codes) {
    const unsigned common = moment.faults | series.common_faults(run);
    if (&series == &stranger_) unremembered += run.end - run.begin;
    const auto rows = [](const auto& column, std::uint32_t begin, std::uint32_t end) {
        return std::span(column).subspan(begin, end - begin);
    };
    if (run.boxed) return judge_boxed(device, series, batch, run, common, moment, codes);
    for (std::uint32_t begin = run.begin; begin < run.end;) {
        const auto most = static_cast<std::uint32_t>(plain_rows_max);
        const std::uint32_t end = std::min(run.end, begin + most);
        if (series.judge_plain(rows(batch.times, begin, end), rows(batch.values, begin, end),
                               rows(batch.quality, begin, end), common, moment)) {
            series.good_since =
                std::min<std::uint32_t>(series.good_since + (end - begin), good_between + 1);
        } else {
            judge_rows(device, series, batch, {begin, end}, common, moment, codes);
        }
        begin = end;
    }
}

void Engine::Book::judge_rows(const std::string& device, Series& series, const Batch& batch,
                              RowSpan span, unsigned common, const Moment& moment, Quality* codes) {
    Episode gap;
    for (std::uint32_t i = span.begin; i < span.end; ++i) {
        const unsigned faults =
            series.judge(batch.times[i], batch.values[i], batch.quality[i], common, moment, gap);
        codes[i] = code_of(faults, batch.quality[i]);
        follow_up(device, series, batch.times[i], codes[i], faults, gap);
    }
}

// Values of which some may be texts, or integers that no double says.
void Engine::Book::judge_boxed(const std::string& device, Series& series, const Batch& batch,
                               const Run& run, unsigned common, const Moment& moment,
                               Quality* codes) {
    Episode gap;
    for (std::uint32_t i = run.begin; i < run.end; ++i) {
        const auto text = batch.boxes.text(batch.values[i]);
        const unsigned faults =
            text ? series.judge_text(batch.times[i], *text, batch.quality[i], common, moment, gap)
                 : series.judge(batch.times[i], batch.boxes.number(batch.values[i]),
                                batch.quality[i], common, moment, gap);
        codes[i] = code_of(faults, batch.quality[i]);
        follow_up(device, series, batch.times[i], codes[i], faults, gap);
    }
}

void Engine::Book::follow_up(const std::string& device, Series& series, Timestamp time,
                             Quality code, unsigned faults, Episode& gap) {
    if (gap.points > 0) [[unlikely]] {
        keep(device, series, gap);
        gap = {};
    }
    if (faults != 0)
        note(device, series, time, code);
    else
        series.good_since += series.good_since <= good_between;
}

void Engine::Book::note(const std::string& device, Series& series, Timestamp time, Quality code) {
    Episode& episode = series.episode;
    const bool goes_on =
        episode.points > 0 && episode.reason == code.reason() && series.good_since <= good_between;
    if (!goes_on) {
        if (episode.points > 0) keep(device, series, episode);
        episode = {code.reason(), time, time, 0};
    }
    episode.from = std::min(episode.from, time);
    episode.to = std::max(episode.to, time);
    ++episode.points;
    series.good_since = 0;
}

void Engine::Book::keep(const std::string& device, const Series& series, const Episode& episode) {
    if (options_.findings_max == 0 || &series == &stranger_) return;
    if (kept_.size() == options_.findings_max) kept_.pop_front();
    kept_.push_back({&devices_.find(device)->first, &series.signal, episode});
}

void Engine::Book::forget(const std::string& device) {
    const auto found = devices_.find(device);
    if (found == devices_.end()) return;
    std::erase_if(kept_, [&](const Kept& kept) { return kept.device == &found->first; });
    series_count -= found->second.series.size();
    devices_.erase(found);
}

Scorecard Engine::Book::scorecard(const std::string* only) const {
    Scorecard rows;
    for (const auto& [name, device] : devices_) {
        if (only && name != *only) continue;
        for (const auto& [signal, series] : device.series)
            rows.push_back(
                {.device = name,
                 .signal = signal,
                 .counters = series->counters(),
                 .completeness = series->completeness(),
                 .lateness_p50_ms = series->lateness.quantile_ms(0.5),
                 .lateness_p99_ms = series->lateness.quantile_ms(0.99),
                 .clock_behind_ms = static_cast<double>(device.clock.behind().count()) * 1e-6,
                 .first = series->first,
                 .last = series->last});
    }
    std::sort(rows.begin(), rows.end(), [](const ScorecardRow& a, const ScorecardRow& b) {
        return std::tie(a.device, a.signal) < std::tie(b.device, b.signal);
    });
    return rows;
}

std::vector<Finding> Engine::Book::findings(const std::string& device, Timestamp from,
                                            Timestamp to) const {
    std::vector<Finding> found;
    const auto at = devices_.find(device);
    if (at == devices_.end()) return found;
    for (const auto& kept : kept_)
        if (kept.device == &at->first && overlaps(kept.episode, from, to))
            found.push_back(finding_of(device, *kept.signal, kept.episode));
    for (const auto& [signal, series] : at->second.series)
        if (overlaps(series->episode, from, to))
            found.push_back(finding_of(device, signal, series->episode));
    std::sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.from, a.signal, a.reason) < std::tie(b.from, b.signal, b.reason);
    });
    return found;
}

Engine::Engine(Options options) : book_(std::make_unique<Book>(options)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::judge(Batch& batch, const Rules& rules) {
    book_->judge(batch, rules, !batch.replayed, batch.quality.data());
}

std::shared_ptr<const Engine::Places> Engine::places(const Batch& batch, const Rules& rules) {
    return book_->places(batch, rules);
}

void Engine::judge(Batch& batch, const Rules& rules, const Places& places) {
    book_->judge(batch, rules, places, batch.quality.data());
}

void Engine::restore(const Batch& stored, const Rules& rules) {
    Batch again = stored;
    for (auto& quality : again.quality) {
        const Reason reason = quality.reason();
        const bool of_source = reason == Reason::source_bad || reason == Reason::source_uncertain ||
                               reason == Reason::not_a_number || reason == Reason::stale ||
                               reason == Reason::historical;
        if (!of_source) quality = Quality::good();
    }
    book_->judge(again, rules, false, again.quality.data());
}

void Engine::forget(const DeviceId& device) { book_->forget(device.text); }

Scorecard Engine::scorecard() const { return book_->scorecard(nullptr); }
Scorecard Engine::scorecard(const DeviceId& device) const { return book_->scorecard(&device.text); }

std::vector<Finding> Engine::findings(const DeviceId& device, Timestamp from, Timestamp to) const {
    return book_->findings(device.text, from, to);
}

std::size_t Engine::series() const { return book_->series_count; }
std::uint64_t Engine::unremembered_points() const { return book_->unremembered; }

}  // namespace mw::quality
