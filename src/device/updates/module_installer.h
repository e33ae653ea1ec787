#pragma once
// Firmware: what it is and how it gets in is an update module's business, a program that speaks the
// Mender update-module protocol v3. Modules are looked for in DIR/modules/v3, then in
// /usr/share/mender/modules/v3, then among ours ("directory"). Belongs to the agent's loop.

#include <span>

#include "device/updates/installer.h"
#include "platform/files/files.h"
#include "platform/process/process.h"

namespace mw::updates {

struct ShippedModule {
    std::string_view name;
    std::string_view text;  // of a POSIX sh script
};
std::span<const ShippedModule> shipped_modules();

struct ModuleOptions {
    std::vector<std::string> folders = {"/usr/share/mender/modules/v3"};  // after DIR/modules/v3
    nanoseconds state_limit = minutes{30};
    nanoseconds query_limit = seconds{60};
    std::string device_type = "millwright";
    // The program DIR/modules/reboot restarts the machine when a module asks us to (without it such
    // an update goes back), within this time.
    nanoseconds reboot_limit = minutes{10};
};

class ModuleInstaller final : public Installer {
 public:
    ModuleInstaller(Workers& workers, files::Files& files, std::string directory,
                    ModuleOptions options = {});

    bool repeatable() const override { return false; }
    Task<Json> stage(Work work) override;
    Task<Json> test(Work work) override;
    Task<Json> switch_over(Work work) override;
    Task<Json> reboot(Work work, bool again) override;
    Task<> commit(Work work) override;
    Task<> revert(Work work) override;
    Task<> clean_up(Work work) override;
    Task<> bring_up(Artifact artifact, std::string file) override;
    Task<> remove(Artifact artifact) override;
    Figures figures(const std::string& name) const override;

 private:
    std::string tree_of(const std::string& product) const;
    Result<> make_tree(const Work& work);
    Result<> remove_tree(const std::string& product);
    Result<std::vector<std::string>> find_module(const std::string& name);
    Task<process::Ended> call(Artifact artifact, std::string state, nanoseconds limit);
    Task<> run_state(Artifact artifact, std::string state);
    Task<std::string> ask(Artifact artifact, std::string query);
    Task<> download(Work work, bool with_sizes);
    Task<> feed(Work work, bool with_sizes, std::shared_ptr<bool> consumed);

    Workers& workers_;
    files::Files& files_;
    std::string directory_;
    ModuleOptions options_;
};

}  // namespace mw::updates
