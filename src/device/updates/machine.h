#pragma once
// One artifact of this device on its way from version to version, by update_table(): each step is
// in the journal before its effects are relied on, so that any end of the process leaves one
// version that runs and a next start that knows what to do. Needs the hub for the download only.
// Belongs to the agent's loop.

#include <functional>

#include "base/state_table.h"
#include "device/updates/fetch.h"
#include "device/updates/installer.h"
#include "device/updates/journal.h"

namespace mw::updates {

struct MachineOptions {
    nanoseconds retry_first = seconds{1};  // the hub or the disk did not answer; doubles
    nanoseconds retry_most = seconds{60};
    nanoseconds watch_every = milliseconds{200};
};

class Machine {
 public:
    struct Parts {
        Workers& workers;
        files::Files& files;
        const Clock& clock;
        Downloads& downloads;
        Installer& installer;
        const crypto::TrustStore& trust;
    };
    Machine(Parts parts, std::string directory, Journal journal, MachineOptions options = {});

    // What the desired document says; nullopt: its entry is gone.
    void want(std::optional<Artifact> artifact);
    // From the journal's state on, until cancelled. After the first want().
    Task<> run();
    // Waits until nothing more happens by itself soon: at rest, watching, or waiting for the hub.
    Task<> settled();
    // After each change of what report() says.
    void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }
    // After each row of the table that was taken.
    using Moved = std::function<void(const Transition&)>;
    void on_move(Moved listener) { on_move_ = std::move(listener); }

    const Journal& journal() const { return journal_; }
    // {"state": pending|applied|failed, "version", "hash", "step", "running", "previous", ...}
    JsonObject report() const;

 private:
    Task<> resume();
    Task<> count_start();
    Task<> bring_up_what_runs();
    Task<bool> step();  // false: nothing to do
    Task<bool> consider();
    Task<> adopt(Artifact wanted);
    Task<bool> download();
    Task<> take(Fetch::Outcome outcome);
    Task<bool> verify();
    Task<bool> stage();
    Task<bool> test();
    Task<bool> switch_over();
    Task<bool> reboot();
    Task<bool> watch();
    Task<bool> commit();
    Task<bool> revert();

    Result<> check_statement(Artifact& artifact) const;
    bool superseded() const;
    Task<bool> leave();            // superseded
    Task<bool> refuse(Error why);  // before the switch
    Task<bool> fail(Error why);    // after it
    Task<> move(Journal next, std::string event);
    Task<> save_for_sure(Journal next, bool must);
    Task<> wait_a_little(Error why);
    Work work() const;
    void rest();
    void changed();

    Parts parts_;
    std::string directory_;
    Journal journal_;
    MachineOptions options_;
    Fetch fetch_;
    bool heard_ = false;
    std::optional<Artifact> wanted_;
    std::optional<Error> waiting_for_;  // why it waits
    nanoseconds retry_;
    bool up_ = false;      // what is committed runs
    bool hashed_ = false;  // the file was hashed in this life of the process
    bool rebooted_ = false;
    bool busy_ = true;
    std::uint64_t wishes_ = 0;
    Event news_, settled_;
    std::function<void()> on_change_;
    Moved on_move_;
};

// Where a device keeps the file of an artifact: DIR/bundles/SHA256.tar, DIR/updates/files/SHA256.
std::string artifact_path(const std::string& directory, const Artifact& artifact);

}  // namespace mw::updates
