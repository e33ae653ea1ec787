#pragma once
// The door of device/updates: brings models and firmware of this device to the versions that its
// desired document names, one machine per artifact, and back alone when a new one does not do.
// Belongs to the agent's loop. At most 200 artifacts.

#include <map>
#include <memory>
#include <set>

#include "device/updates/machine.h"
#include "device/updates/module_installer.h"
#include "device/updates/update_table.h"

namespace mw::updates {

class Updates {
 public:
    struct Parts {
        Loop& loop;
        Workers& workers;
        files::Files& files;
        const Clock& clock;
        Downloads& downloads;
        Installer& models;
        Installer& firmware;
        crypto::TrustStore trust;  // who may sign releases
    };
    Updates(Parts parts, std::string directory, MachineOptions options = {});
    ~Updates();

    // The entries of one part of the desired document. Those that are gone are no longer wanted.
    // The first call reads the journals. An entry that makes no sense is reported, and changes
    // nothing.
    Task<> want(Kind kind, JsonObject entries);
    // Until everything that can be done now is done: what is left waits for the hub, or is watched.
    Task<> settled(Kind kind);
    Task<> stop();  // also without it: the next start continues
    JsonObject report(Kind kind) const;

    void set_watch(Watch watch) { watch_ = watch; }  // for entries that say nothing
    void on_change(std::function<void()> listener) { on_change_ = std::move(listener); }
    const Machine* machine(Kind kind, const std::string& name) const;

 private:
    using Key = std::pair<Kind, std::string>;
    Task<> read_journals(Kind kind);
    Task<Machine*> machine_for(Key key);
    Task<> sweep();
    Task<> sweep_once();
    void changed();

    Parts parts_;
    std::string directory_;
    MachineOptions options_;
    Watch watch_;
    std::map<Key, std::unique_ptr<Machine>> machines_;
    std::map<Key, Error> senseless_;  // entries that could not be read
    std::set<Kind> read_;             // whose journals are known
    std::set<Kind> keep_all_;         // one of them could not be read: who knows what it names
    bool sweeping_ = false, sweep_again_ = false;
    std::function<void()> on_change_;
    std::unique_ptr<Scope> scope_;
};

}  // namespace mw::updates
