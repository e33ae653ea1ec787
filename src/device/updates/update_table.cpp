#include "device/updates/update_table.h"

namespace mw::updates {
namespace {

constexpr Transition rows[] = {
    {"steady", "wanted", "downloading", "The entry names another version; what runs goes on"},
    {"steady", "adopted", "steady", "A newer statement about the version that runs: counter only"},
    {"steady", "refused", "refused", "A newer statement about what runs does not verify"},
    {"steady", "lost", "downloading", "The file of what should run is gone or damaged"},
    {"steady", "removed", "steady", "The entry is gone: nothing runs, the counter is kept"},
    {"downloading", "arrived", "verifying", "All bytes are there and durable"},
    {"downloading", "refused", "refused", "The statement does not verify, or the bytes are others"},
    {"downloading", "superseded", "steady", "The entry names something else by now"},
    {"verifying", "verified", "staging", "Signature, counter, size and hash fit"},
    {"verifying", "lost", "downloading", "The file was damaged while the agent was away"},
    {"verifying", "refused", "refused", "Signature, counter, size or hash does not fit"},
    {"verifying", "superseded", "steady", "The entry names something else by now"},
    {"staging", "staged", "testing", "It lies beside the one that runs"},
    {"staging", "lost", "downloading", "The file is gone"},
    {"staging", "refused", "refused", "It cannot be laid beside the one that runs"},
    {"staging", "superseded", "steady", "The entry names something else by now"},
    {"testing", "passed", "switching", "Known input gave known output within the budget"},
    {"testing", "refused", "refused", "Wrong output, over the budget, or it took the agent down"},
    {"testing", "superseded", "steady", "The entry names something else by now"},
    {"switching", "switched", "watching", "The new one runs; the old one is kept"},
    {"switching", "reboot", "rebooting", "The installer asks for a restart of the machine"},
    {"switching", "failed", "reverting", "It could not be taken into use, or was interrupted"},
    {"rebooting", "rebooted", "watching", "The machine came back with the new one"},
    {"rebooting", "failed", "reverting", "The machine came back without it"},
    {"watching", "held", "committing", "It did its work for the declared time or decisions"},
    {"watching", "failed", "reverting", "Failures or restarts of the agent above what is allowed"},
    {"watching", "superseded", "reverting", "The entry names something else: first back, then on"},
    {"committing", "committed", "steady", "It stays; what was kept may go"},
    {"committing", "failed", "reverting", "The installer could not make it permanent"},
    {"reverting", "reverted", "reverted", "The version before runs again"},
    {"reverting", "failed", "broken", "Neither version could be brought up"},
    {"refused", "wanted", "downloading", "The entry changed"},
    {"refused", "adopted", "steady", "The entry names the version that runs"},
    {"refused", "refused", "refused", "The entry changed and does not verify either"},
    {"refused", "lost", "downloading", "The file of what should run is gone or damaged"},
    {"refused", "removed", "steady", "The entry is gone: nothing runs, the counter is kept"},
    {"reverted", "wanted", "downloading", "The entry changed"},
    {"reverted", "adopted", "steady", "The entry names the version that runs"},
    {"reverted", "refused", "refused", "The entry changed and does not verify"},
    {"reverted", "lost", "downloading", "The file of what should run is gone or damaged"},
    {"reverted", "removed", "steady", "The entry is gone: nothing runs, the counter is kept"},
    {"broken", "again", "reverting", "The agent was started again"},
    {"broken", "wanted", "downloading", "The entry changed: perhaps this one works"},
    {"broken", "removed", "steady", "The entry is gone: nothing runs, the counter is kept"},
};

}  // namespace

const StateTable& update_table() {
    static constexpr StateTable table{"Update", rows};
    return table;
}

}  // namespace mw::updates
