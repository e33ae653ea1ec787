#include "device/agent/processor.h"

#include <algorithm>

#include "base/log.h"
#include "device/agent/topics.h"
#include "protocols/payload/payload.h"

namespace mw::agent {
namespace {

constexpr std::size_t binary_points_min = 64;
constexpr nanoseconds rehearse_every = microseconds{100};
constexpr nanoseconds look_every_max = seconds{1}, look_every_min = milliseconds{10};

}  // namespace

class Processor::Turn {
 public:
    explicit Turn(Processor& processor) : processor_(processor) {}
    ~Turn() {
        processor_.busy_ = false;
        processor_.idle_.set();
    }

 private:
    Processor& processor_;
};

Processor::Processor(DeviceId device, outbox::Outbox& outbox)
    : device_(std::move(device)), outbox_(outbox) {}

Task<> Processor::take_turn() {
    while (busy_) {
        idle_.reset();
        CO_TRY_VOID(co_await idle_.wait());
    }
    busy_ = true;
    co_return Result<>{};
}

Task<> Processor::accept(Batch& batch, Bytes checkpoint) {
    CO_TRY_VOID(co_await take_turn());
    Turn turn(*this);
    points_ += batch.size();
    outbox::Entry entry = make_entry(batch, std::move(checkpoint));
    co_return co_await put(std::move(entry));
}

Task<> Processor::durable() { co_return co_await outbox_.flush(); }

outbox::Entry Processor::make_entry(Batch& batch, Bytes checkpoint) {
    outbox::Entry entry;
    const std::string& source = batch.position.stream;
    const std::string stream = "data/" + source;
    entry.messages.push_back({stream, topic_of(device_, stream), {}});
    entry.checkpoints["source/" + source] = std::move(checkpoint);

    // Decisions first: somebody may wait for them.
    if (watcher_) watcher_->saw(batch);
    for (const std::string& name : order_) decide(name, *models_.at(name), batch, entry);
    for (const std::string& name : order_) {
        ModelRunner& runner = *models_.at(name);
        if (!decisions_[name].empty()) count_decided(name, runner, entry);
        if (runner.took_scores()) entry.checkpoints["scores/" + name] = runner.scores_checkpoint();
    }
    batch.position.sequence = outbox_.next_sequence(stream);
    entry.messages.front().payload = encode(batch);
    return entry;
}

void Processor::decide(const std::string& name, ModelRunner& runner, const Batch& batch,
                       outbox::Entry& entry) {
    std::vector<Decision>& decisions = decisions_[name];
    decisions.clear();
    for (const std::string& feeding : runner.fed_by())
        if (const auto found = decisions_.find(feeding); found != decisions_.end())
            for (const Decision& decision : found->second) runner.take_score(decision);
    const bool was_stale = runner.stale();
    runner.feed(batch, decisions, Loop::here().now());
    if (runner.due()) due_.set();
    if (was_stale && !runner.stale()) log::info("edge.model.inputs_back", {{"model", name}});
    if (watcher_) watcher_->decided(runner, decisions);
    add_decisions(name, decisions, entry);
}

void Processor::add_decisions(const std::string& name, std::vector<Decision>& decisions,
                              outbox::Entry& entry) {
    const std::string decision_stream = "decision/" + name;
    std::uint64_t sequence = outbox_.next_sequence(decision_stream);
    for (Decision& decision : decisions) {
        decision.position.sequence = sequence++;
        text_.clear();
        payload::encode(decision, text_);
        entry.messages.push_back({decision_stream, topic_of(device_, decision_stream),
                                  Bytes(text_.begin(), text_.end())});
    }
}

void Processor::count_decided(const std::string& name, ModelRunner& runner, outbox::Entry& entry) {
    runner.count();
    entry.checkpoints["pipeline/" + name] = runner.checkpoint();
    for (const auto& sketch : runner.observer().take_closed()) add_sketch(entry, name, sketch);
    entry.checkpoints["observation/" + name] = runner.observer().checkpoint();
}

Result<> Processor::check_chain(const ModelRunner& runner) const {
    const std::string& name = runner.assignment().model;
    std::vector<std::string> before = runner.fed_by();
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i] == name)
            return Error{Errc::invalid_input,
                         "model '" + name +
                             "' would take its own scores in the end: its 'model' "
                             "inputs begin with '" +
                             before.front() + "'. Break the ring"};
        const auto found = models_.find(before[i]);
        if (found == models_.end()) continue;
        for (const std::string& more : found->second->fed_by())
            if (std::ranges::find(before, more) == before.end()) before.push_back(more);
    }
    return {};
}

// By name, but after those that feed it. There are no rings: check_chain().
void Processor::put_in_order() {
    order_.clear();
    decisions_.clear();
    const auto has = [&](const std::string& name) {
        return !models_.contains(name) || std::ranges::find(order_, name) != order_.end();
    };
    while (order_.size() < models_.size())
        for (const auto& [name, runner] : models_)
            if (!has(name) && std::ranges::all_of(runner->fed_by(), has)) order_.push_back(name);
}

// Columns cost the hub and the disk less than text; a few points are read more easily as text,
// which is also the only form of values that are not doubles.
Bytes Processor::encode(const Batch& batch) {
    const bool numbers = std::ranges::all_of(
        batch.runs, [](const Run& run) { return run.type == ValueType::number && !run.boxed; });
    if (batch.size() >= binary_points_min && numbers) {
        Bytes bytes;
        payload::encode_binary(batch, bytes, true);
        return bytes;
    }
    text_.clear();
    payload::encode(batch, text_);
    return Bytes(text_.begin(), text_.end());
}

void Processor::add_sketch(outbox::Entry& entry, const std::string& model,
                           const drift::Sketch& sketch) {
    const std::string stream = "sketch/" + model;
    entry.messages.push_back({stream, topic_of(device_, stream), drift::encode(sketch)});
}

Task<> Processor::send_left_open(std::string model, Bytes checkpoint) {
    const std::string key = "observation/" + model;
    outbox::Entry entry;
    if (const auto before = outbox_.checkpoint(key))
        if (const auto open = observation::left_open(*before)) add_sketch(entry, model, *open);
    entry.checkpoints[key] = std::move(checkpoint);
    co_return co_await put(std::move(entry));
}

void Processor::observe_every(nanoseconds window) {
    observe_every_ = window;
    for (const auto& [name, runner] : models_) runner->observer().set_window(window);
}

Task<> Processor::put(outbox::Entry entry) {
    for (;;) {
        auto outcome = outbox_.append(entry);
        if (outcome || outcome.error().code != Errc::overloaded) co_return outcome;
        CO_TRY_VOID(co_await outbox_.room());
    }
}

Bytes Processor::source_checkpoint(const std::string& source) const {
    return outbox_.checkpoint("source/" + source).value_or(Bytes{});
}

Task<> Processor::install(std::unique_ptr<ModelRunner> runner,
                          std::vector<sources::Source*> recordings) {
    CO_TRY_VOID(co_await take_turn());
    Turn turn(*this);
    const std::string name = runner->assignment().model;
    CO_TRY_VOID(check_chain(*runner));
    if (const auto checkpoint = outbox_.checkpoint("pipeline/" + name))
        runner->restore(*checkpoint);  // of an older bundle: it starts afresh
    if (const auto scores = outbox_.checkpoint("scores/" + name)) runner->restore_scores(*scores);
    runner->observer().set_window(observe_every_);
    const auto seen = outbox_.checkpoint("observation/" + name);
    if (seen && !runner->observer().restore(*seen)) {
        Bytes fresh = runner->observer().checkpoint();
        CO_TRY_VOID(co_await send_left_open(name, std::move(fresh)));
    }
    const features::Memory memory = runner->memory();
    // Rows of a span are not known in number; a recording is read back generously.
    const std::size_t rows = memory.rows + (memory.span > nanoseconds{0} ? 10'000 : 0);
    for (sources::Source* source : recordings) {
        const auto visit = [&](const Batch& batch) { runner->look_back(batch); };
        CO_TRY_VOID(source->look_back(source_checkpoint(source->name()), rows, visit));
    }
    runner->end_look_back();
    runner->watch_from(Loop::here().now());
    models_[name] = std::move(runner);
    put_in_order();
    co_return Result<>{};
}

Task<> Processor::watch_inputs(std::function<std::string()> remark) {
    for (;;) {
        const SteadyTime now = Loop::here().clock().steady();
        nanoseconds wait = look_every_max;
        std::vector<std::string> due;
        for (const auto& [name, runner] : models_) {
            runner->look(now);
            const auto at = runner->stale_at();
            if (!at) continue;
            if (*at <= now)
                due.push_back(name);
            else
                wait = std::min(wait, *at - now);
        }
        for (const std::string& name : due) {
            const std::string why = remark();
            CO_TRY_VOID(co_await decide_stale(name, why));
        }
        CO_TRY_VOID(co_await sleep_for(std::max(wait, look_every_min)));
    }
}

Task<> Processor::rehearse(std::function<void()> sources) {
    for (;;) {
        const SteadyTime now = Loop::here().clock().steady();
        std::optional<SteadyTime> next, awake;
        for (const auto& [name, runner] : models_) {
            const auto due = runner->due();
            if (!due) continue;
            if (due->to <= now) {
                runner->stop_rehearsing();
            } else if (due->from <= now) {
                if (!awake) sources();
                runner->rehearse();
                awake = std::max(awake.value_or(due->to), due->to);
                next = now + rehearse_every;
            } else {
                next = std::min(next.value_or(due->from), due->from);
            }
        }
        Loop::here().stay_awake_until(awake.value_or(now));
        if (next) {
            CO_TRY_VOID(co_await sleep_for(*next - now));
        } else {
            due_.reset();
            CO_TRY_VOID(co_await due_.wait());
        }
    }
}

Task<> Processor::decide_stale(std::string name, std::string remark) {
    CO_TRY_VOID(co_await take_turn());
    Turn turn(*this);
    const Clock& clock = Loop::here().clock();
    const SteadyTime now = clock.steady();
    const auto found = models_.find(name);  // it may have gone meanwhile, or its inputs come
    if (found == models_.end()) co_return Result<>{};
    ModelRunner& runner = *found->second;
    if (const auto at = runner.stale_at(); !at || *at > now) co_return Result<>{};
    const bool first = !runner.stale();
    std::vector<Decision> decisions = {runner.decide_stale(now, clock.now(), remark)};
    if (first)
        log::warn("edge.model.inputs_stale", {{"model", name}, {"reason", decisions[0].fallback}});
    if (watcher_) watcher_->decided(runner, decisions);
    outbox::Entry entry;
    add_decisions(name, decisions, entry);
    co_return co_await put(std::move(entry));
}

Task<> Processor::uninstall(std::string model) {
    CO_TRY_VOID(co_await take_turn());
    Turn turn(*this);
    if (models_.erase(model) == 0) co_return Result<>{};
    put_in_order();
    if (watcher_) watcher_->gone(model);
    co_return co_await send_left_open(std::move(model), Bytes{});
}

}  // namespace mw::agent
