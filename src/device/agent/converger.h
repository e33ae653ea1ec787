#pragma once
// Brings the gateway to its desired document: models loaded, sources running. Keeps the document on
// disk, so that a restart without the hub ends in the same state. One document at a time, the
// newest wins. Belongs to the agent's loop.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "device/agent/hub_downloads.h"
#include "device/agent/model_installer.h"
#include "device/agent/processor.h"
#include "device/agent/source_keeper.h"

namespace mw::agent {

class Converger {
 public:
    struct Parts {
        Loop& loop;
        Workers& workers;
        files::Files& files;
        Clock& clock;
        HubLink& hub;
        Processor& processor;
        crypto::TrustStore trust;  // who may sign releases
        std::string program;       // ours, for its verb `measure`
        std::function<Result<>(const Json& labels)> configure_labels;  // empty: nobody keeps any
    };
    Converger(Parts parts, DeviceId device, std::string directory);
    ~Converger();

    // The document of the last run, if any; then new ones as they come, until cancelled.
    Task<> run();
    void desire(std::string document);
    void on_report(std::function<void()> listener) { on_report_ = std::move(listener); }
    // How fast the hub wants it to send: bytes a second (0: no limit), and a burst.
    void on_uplink(std::function<void(std::uint64_t, std::uint64_t)> listener) {
        on_uplink_ = std::move(listener);
    }
    Json report() const;
    // Sources that give nothing now, and why: "pump: finished; line: starting"; empty: all run.
    std::string silent_sources() const { return sources_.silent(); }
    std::vector<sources::Source*> sources() const { return sources_.running(); }
    nanoseconds health_every() const { return health_every_; }

 private:
    Task<> follow();
    Task<> converge(std::string text);
    ModelInstaller::Surroundings surroundings();
    void read_config(const Json& document);
    void read_uplink(const Json& document);
    Task<> remember(std::string text);
    void changed();

    Parts parts_;
    DeviceId device_;
    std::string directory_;
    std::optional<std::string> next_;
    Event arrived_;
    std::int64_t generation_ = 0;
    std::string asset_;
    nanoseconds health_every_ = seconds{10};
    std::optional<Error> config_error_;
    std::map<std::string, WantedSource> coming_sources_;  // of the current document
    std::vector<std::string> ignored_;
    std::function<void()> on_report_;
    std::function<void(std::uint64_t, std::uint64_t)> on_uplink_;
    SourceKeeper sources_;
    HubDownloads downloads_;
    ModelInstaller models_;
    updates::ModuleInstaller firmware_;
    updates::Updates updates_;
};

}  // namespace mw::agent
