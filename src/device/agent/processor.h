#pragma once
// The path of a point through the gateway: a source's batch becomes one data message and the
// decisions of every model, and goes to the outbox with all checkpoints as one durable entry. So a
// restart at any instant repeats nothing and loses nothing. Belongs to the agent's loop.

#include <functional>
#include <map>
#include <memory>

#include "device/agent/model_runner.h"
#include "device/outbox/outbox.h"
#include "device/sources/sources.h"

namespace mw::agent {

// Sees what passes: each batch, then what each model decided about it. Must be quick.
class Watcher {
 public:
    virtual ~Watcher() = default;
    virtual void saw(const Batch& batch) = 0;
    virtual void decided(const ModelRunner& runner, const std::vector<Decision>& decisions) = 0;
    virtual void gone(const std::string& model) = 0;  // it is uninstalled
};

class Processor final : public sources::SourceSink {
 public:
    Processor(DeviceId device, outbox::Outbox& outbox);

    Task<> accept(Batch& batch, Bytes checkpoint) override;
    Task<> durable() override;

    // Takes a model into use from the next batch on. `recordings` are the sources to look back in.
    // Waits until no batch is under way.
    Task<> install(std::unique_ptr<ModelRunner> runner, std::vector<sources::Source*> recordings);
    Task<> uninstall(std::string model);

    // Until cancelled: decides by the declared fallback where inputs stopped. `remark` may say more
    // of why, for the decision.
    Task<> watch_inputs(std::function<std::string()> remark);

    // Until cancelled: shortly before a row is due that ends a model's window, decides for nothing,
    // so that the decision itself finds warm caches (Anticipation). `sources`: what they do then.
    Task<> rehearse(std::function<void()> sources);

    // How much event time one sketch covers, of every model from its next window on.
    void observe_every(nanoseconds window);

    void watch(Watcher* watcher) { watcher_ = watcher; }  // null: nobody

    Bytes source_checkpoint(const std::string& source) const;
    const std::map<std::string, std::unique_ptr<ModelRunner>>& models() const { return models_; }
    std::uint64_t points() const { return points_; }

 private:
    // One batch at a time: sequences are given when a message is encoded.
    class Turn;
    Task<> take_turn();
    outbox::Entry make_entry(Batch& batch, Bytes checkpoint);
    void decide(const std::string& name, ModelRunner& runner, const Batch& batch,
                outbox::Entry& entry);
    Task<> decide_stale(std::string name, std::string remark);
    void add_decisions(const std::string& name, std::vector<Decision>& decisions,
                       outbox::Entry& entry);
    // What is counted of its decisions, and how far it has come: after all models have decided.
    void count_decided(const std::string& name, ModelRunner& runner, outbox::Entry& entry);
    // Refuses one that would be fed by itself in the end.
    Result<> check_chain(const ModelRunner& runner) const;
    void put_in_order();
    Bytes encode(const Batch& batch);
    Task<> put(outbox::Entry entry);
    void add_sketch(outbox::Entry& entry, const std::string& model, const drift::Sketch& sketch);
    // The window that was open when a model goes, with the checkpoint that comes after it.
    Task<> send_left_open(std::string model, Bytes checkpoint);

    DeviceId device_;
    outbox::Outbox& outbox_;
    std::map<std::string, std::unique_ptr<ModelRunner>> models_;
    std::vector<std::string> order_;  // of models: those that feed others come first
    // Of the batch at hand, by each model; kept for those that it feeds.
    std::map<std::string, std::vector<Decision>> decisions_;
    std::string text_;
    nanoseconds observe_every_ = observation::window_default;
    std::uint64_t points_ = 0;
    Watcher* watcher_ = nullptr;
    bool busy_ = false;
    Event idle_;
    Event due_;  // a row is, that a model decides at
};

}  // namespace mw::agent
