#pragma once
// Models as artifacts of an update: a bundle is loaded and tested beside the one that runs, and
// installed into the processor between two batches. Belongs to the agent's loop.

#include <functional>

#include "device/agent/processor.h"
#include "device/updates/updates.h"

namespace mw::agent {

class ModelInstaller final : public updates::Installer {
 public:
    // What a model finds on this gateway when it starts: its asset, and sources to look back in.
    struct Surroundings {
        std::string asset;
        std::vector<sources::Source*> recordings;
        std::vector<std::unique_ptr<sources::Source>> owned;  // recordings made for this
    };
    struct Parts {
        Workers& workers;
        files::Files& files;
        Clock& clock;
        Processor& processor;
        DeviceId device;
        std::string program;  // ours, for its verb `measure`; empty: measured in this process
        std::function<Surroundings()> surroundings;
    };
    explicit ModelInstaller(Parts parts) : parts_(std::move(parts)) {}

    bool repeatable() const override { return true; }
    Task<Json> stage(updates::Work work) override;
    Task<Json> test(updates::Work work) override;
    Task<Json> switch_over(updates::Work work) override;
    Task<Json> reboot(updates::Work work, bool again) override;
    Task<> commit(updates::Work work) override;
    Task<> revert(updates::Work work) override;
    Task<> clean_up(updates::Work work) override;
    Task<> bring_up(updates::Artifact artifact, std::string file) override;
    Task<> remove(updates::Artifact artifact) override;
    updates::Figures figures(const std::string& name) const override;

 private:
    Task<pipeline::LoadedBundle> load(updates::Artifact artifact, std::string file);
    Result<std::shared_ptr<inference::Engine>> engine_for(const updates::Artifact& artifact);
    Task<> install(updates::Artifact artifact, pipeline::LoadedBundle bundle);
    Task<> check_budget(updates::Artifact artifact, std::string file);
    Task<Json> measure(std::string file);

    Parts parts_;
    std::shared_ptr<inference::Engine> engine_;  // opened when the first model arrives
    struct Tested {
        pipeline::LoadedBundle bundle;
        Json limits;  // that it was loaded with
    };
    std::map<std::string, Tested> tested_;
};

}  // namespace mw::agent
