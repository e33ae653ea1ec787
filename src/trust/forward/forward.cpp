#include "trust/forward/forward.h"

#include <algorithm>

#include "base/log.h"
#include "trust/forward/target.h"

namespace mw::forward {
namespace {

constexpr std::size_t position_bytes_max = 4'096;

struct TargetLine {
    std::string name, file;
    std::vector<std::string> actions;
    bool from_start = false;
    std::unique_ptr<Target> target;
    std::optional<std::uint64_t> position;  // the last fact that was taken
    nanoseconds pause{0};                   // after the last failure; 0: all is well
    metrics::Counter* sent = nullptr;
    metrics::Counter* failed = nullptr;
    metrics::Gauge* behind = nullptr;

    bool wants(const audit::Fact& fact) const {
        if (actions.empty()) return true;
        return std::ranges::any_of(actions, [&fact](const std::string& action) {
            return fact.action == action || fact.action.starts_with(action + ".");
        });
    }
};

}  // namespace

struct Forwarder::State {
    Parts parts;
    Pace pace;
    std::vector<std::unique_ptr<TargetLine>> lines;
    Scope scope;  // last: what runs in it uses all of the above

    State(Parts p, Pace pace_) : parts(p), pace(pace_), scope(p.loop) {}

    Task<> load(TargetLine& line);
    Task<> save(TargetLine& line);
    Task<std::size_t> step(TargetLine& line);
    Task<> keep_sending(TargetLine& line);
};

Task<> Forwarder::State::load(TargetLine& line) {
    auto job = [&files = parts.files, path = line.file] {
        return files::read_all(files, path, position_bytes_max);
    };
    auto reading = parts.workers.run(std::move(job));
    const auto bytes = co_await std::move(reading);
    if (!bytes && bytes.error().code != Errc::not_found) co_return bytes.error();
    auto asking = parts.source.newest();
    CO_TRY(const auto newest, co_await std::move(asking));
    if (!bytes) {
        // Kept at once: "from now on" must not move with the next start.
        line.position = line.from_start ? 0 : newest;
        auto saving = save(line);
        auto saved = co_await std::move(saving);
        if (!saved) line.position.reset();
        co_return saved;
    }
    CO_TRY(const Json json, parse_json(text_of(*bytes)).context(line.file));
    const auto sequence = find_integer(json, "sequence");
    if (!sequence || *sequence < 0)
        co_return Error{Errc::corrupt, line.file +
                                           ": has no sequence. Next step: remove it; facts "
                                           "are sent from now on"};
    line.position = static_cast<std::uint64_t>(*sequence);
    // The log came back from a copy that is older: its next facts are new ones.
    if (*line.position > newest) {
        log::warn("forward.position.beyond_log",
                  {{"target", line.name}, {"position", *line.position}, {"newest", newest}});
        line.position = newest;
        auto saving = save(line);
        co_return co_await std::move(saving);
    }
    co_return Result<>{};
}

Task<> Forwarder::State::save(TargetLine& line) {
    const Json json = {{"version", 1}, {"target", line.name}, {"sequence", *line.position}};
    auto job = [&files = parts.files, path = line.file, text = to_json(json) + "\n"]() -> Result<> {
        TRY_VOID(files.make_directories(files::parent_of(path)));
        return files::atomic_replace(files, path, bytes_of(text));
    };
    auto saving = parts.workers.run(std::move(job));
    co_return co_await std::move(saving);
}

// One batch: how many facts it had, wanted or not.
Task<std::size_t> Forwarder::State::step(TargetLine& line) {
    if (!line.position) {
        auto loading = load(line);
        CO_TRY_VOID(co_await std::move(loading));
    }
    auto reading = parts.source.facts(*line.position, batch_facts);
    CO_TRY(auto facts, co_await std::move(reading));
    const std::size_t count = facts.size();
    if (count == 0) co_return count;
    const auto last = facts.back().sequence;
    std::erase_if(facts, [&line](const audit::Fact& fact) { return !line.wants(fact); });
    const std::size_t wanted = facts.size();
    if (wanted > 0) {
        auto sending = line.target->send(std::move(facts));
        CO_TRY_VOID(co_await std::move(sending));
    }
    line.position = last;
    line.sent->add(wanted);
    auto saving = save(line);
    CO_TRY_VOID(co_await std::move(saving));
    co_return count;
}

Task<> Forwarder::State::keep_sending(TargetLine& line) {
    for (;;) {
        auto stepping = step(line);
        const auto outcome = co_await std::move(stepping);
        if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome.error();
        if (outcome && line.pause.count() != 0) {
            log::info("forward.target.well", {{"target", line.name}});
            line.pause = {};
        }
        if (!outcome) {
            line.failed->add();
            if (line.pause.count() == 0)
                log::warn("forward.target.failing",
                          {{"target", line.name}, {"reason", outcome.error()}});
            line.pause =
                line.pause.count() == 0 ? pace.pause : std::min(2 * line.pause, pace.pause_most);
        }
        auto asking = parts.source.newest();
        if (const auto newest = co_await std::move(asking); newest && line.position)
            line.behind->set(double(*newest) - double(std::min(*newest, *line.position)));
        if (outcome && *outcome == batch_facts) continue;  // there is more
        CO_TRY_VOID(co_await sleep_for(outcome ? pace.look : line.pause));
    }
}

Forwarder::Forwarder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Forwarder::~Forwarder() = default;

Result<std::unique_ptr<Forwarder>> Forwarder::open(std::vector<TargetOptions> targets,
                                                   std::string directory, std::string host,
                                                   Parts parts, Pace pace) {
    TRY_VOID(check(targets));
    auto state = std::make_unique<State>(parts, pace);
    for (TargetOptions& target : targets) {
        auto line = std::make_unique<TargetLine>();
        line->name = target.name;
        line->file = files::join(directory, target.name + ".json");
        line->actions = target.actions;
        line->from_start = target.from_start;
        const metrics::Labels labels{{"target", target.name}};
        line->sent = &parts.metrics.counter("millwright_forward_facts_total",
                                            "Audit facts that a target has taken.", labels);
        line->failed = &parts.metrics.counter("millwright_forward_failures_total",
                                              "Batches of audit facts sent in vain.", labels);
        line->behind = &parts.metrics.gauge("millwright_forward_facts_behind",
                                            "Audit facts that a target has not yet.", labels);
        TargetParts ways{parts.loop, parts.workers, parts.clock, host, pace};
        line->target = target.syslog.empty() ? webhook_target(std::move(target), std::move(ways))
                                             : syslog_target(std::move(target), std::move(ways));
        state->lines.push_back(std::move(line));
    }
    return std::unique_ptr<Forwarder>(new Forwarder(std::move(state)));
}

void Forwarder::start() {
    for (auto& line : state_->lines) state_->scope.spawn(state_->keep_sending(*line));
}

Task<> Forwarder::stop() {
    state_->scope.cancel();
    co_return co_await state_->scope.join();
}

}  // namespace mw::forward
