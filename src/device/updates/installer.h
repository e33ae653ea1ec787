#pragma once
// The seam between the update machine and what an artifact is: models live in the processor,
// firmware in the hands of an update module. Belongs to the agent's loop. A call may end with the
// process at any point; the machine says after the restart what to do about it.

#include "device/updates/artifact.h"
#include "platform/loop/loop.h"

namespace mw::updates {

struct Work {
    Artifact next;
    std::optional<Artifact> previous;  // what runs, or ran
    std::string file;                  // of next
    std::string previous_file;
    Json memory = JsonObject{};  // what this installer gave back last; in the journal
};

struct Figures {
    std::uint64_t decisions = 0;
    std::uint64_t failures = 0;  // of the artifact itself, not of its inputs
};

class Installer {
 public:
    virtual ~Installer() = default;

    // True: switch_over, commit and revert may be repeated when an end of the process left it open
    // whether they happened, and bring_up is needed after each start.
    virtual bool repeatable() const = 0;

    // Lays it beside what runs, tests it there, takes it into use. What they return is the memory
    // from then on. "reboot": true in switch_over's asks for reboot().
    virtual Task<Json> stage(Work work) = 0;
    virtual Task<Json> test(Work work) = 0;
    virtual Task<Json> switch_over(Work work) = 0;
    // May end the process. `again`: it did; only look whether the new one is there.
    virtual Task<Json> reboot(Work work, bool again) = 0;
    virtual Task<> commit(Work work) = 0;
    virtual Task<> revert(Work work) = 0;
    // The end of every attempt, good or bad: what stage() left may go. Errors don't matter.
    virtual Task<> clean_up(Work work) = 0;
    // After a start: this is what runs.
    virtual Task<> bring_up(Artifact artifact, std::string file) = 0;
    // The entry is gone.
    virtual Task<> remove(Artifact artifact) = 0;
    // Since switch_over or bring_up.
    virtual Figures figures(const std::string& name) const = 0;
};

}  // namespace mw::updates
