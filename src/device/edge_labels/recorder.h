#pragma once
// Which windows are kept for a person: those at which a model begins to alarm, those whose score is
// near its threshold, those in which a rule hits; not of shadows, nor of fallbacks. A snippet is
// kept at once, and again when the points after its window have come. Belongs to the agent's loop.
// Limits: 16 windows wait for what comes after them; Recent's.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "device/edge_labels/recent.h"
#include "device/edge_labels/settings.h"

namespace mw::edge_labels {

// What must be known of a model.
struct Judge {
    std::string version;
    std::vector<std::string> signals;
    double raise_at = 1;
    bool operator==(const Judge&) const = default;
};

class Recorder {
 public:
    using Keep = std::function<void(const Snippet&)>;
    explicit Recorder(Keep keep) : keep_(std::move(keep)) {}

    void configure(Settings settings);
    void learn(const std::string& model, const Judge& judge);
    void forget(const std::string& model);
    bool knows(const std::string& model, const Judge& judge) const;

    // In this order: the batch, then what models said about it.
    void saw(const Batch& batch);
    void decided(const Decision& decision);

    std::uint64_t kept() const { return kept_; }

    static constexpr std::size_t pending_max = 16;

 private:
    struct Model {
        Judge judge;
        bool alarmed = false;
        std::map<std::string, Timestamp> last;  // by why: end of the window that was kept last
    };
    void refresh_signals();
    void mark_rules(const Batch& batch);
    std::string why_of(Model& model, const Decision& decision) const;
    std::map<std::string, bool> votes_of(const Decision& decision) const;
    Snippet make(const Model& model, const Decision& decision, std::string why) const;
    void fill(Snippet& snippet, const std::vector<std::string>& signals) const;
    void complete();

    struct Pending {
        Snippet snippet;
        std::vector<std::string> signals;
        Timestamp until;
    };
    Keep keep_;
    Settings settings_;
    Recent recent_;
    std::map<std::string, Model> models_;
    std::map<std::string, Timestamp> hits_;  // by rule: event time of its last hit
    std::vector<Pending> pending_;
    std::uint64_t kept_ = 0;
};

}  // namespace mw::edge_labels
