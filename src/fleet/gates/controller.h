#pragma once
// Runs gates and moves ModelVersions through their states. A run that a restart interrupted begins
// anew under the same report name. One run per version at a time.

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "data/blobs/blobs.h"
#include "domain/resource_store.h"
#include "fleet/gates/chain.h"
#include "fleet/gates/commands.h"
#include "fleet/gates/limits.h"
#include "fleet/gates/report.h"
#include "fleet/gates/version.h"

namespace mw::gates {

// Whether people have agreed; `says` tells who, or who is missing.
struct Consent {
    bool given = false;
    std::string says;
};
// Asked for each role that may override a gate. Implemented over business/approvals.
using AskConsent =
    std::function<Task<Consent>(Resource subject, std::string what, std::string role)>;

class Gates {
 public:
    struct Parts {  // all outlive the object
        Loop& loop;
        ResourceStore& store;
        blobs::Blobs& blobs;
        Workers& workers;
        Clock& clock;
        Commands& commands;
        Sign sign;
        AskConsent consent;
    };
    explicit Gates(Parts parts);
    ~Gates();  // after stop()

    Task<> start();
    Task<> stop();

    struct Started {
        std::string report;  // name of the GateReport that will be
        std::string version;
    };
    // Starts a run; the verdict comes into the version's status and the report. not_found;
    // conflict: the gate is for another model, its dataset is not frozen, or the version is being
    // measured or retired.
    Task<Started> run(std::string gate, std::string version, std::string actor);
    // The version is not to be used any more.
    Task<Resource> retire(std::string version, std::string reason, std::string actor);

 private:
    struct Run;
    struct Accuracy;
    void on_change(const ResourceChange& change);
    Task<> judge(std::string version);
    Task<Report> measure(Run run);
    Task<Accuracy> accuracy(Run run);
    // Versions that feed this bundle, and those that feed these: what most devices
    // run, else what passed last. Those that are not there are left out.
    Task<std::vector<Feeder>> feeders(Bytes bundle, std::string model);
    Task<Bytes> blob(std::string sha256);
    Task<Measured> ask_class(Run run, std::string device_class);
    Task<> settle(Run run, Report report);
    Task<> fail(std::string version, Error error);
    Task<Run> run_of(std::string version);
    Task<> consider_override(std::string version);
    Task<std::vector<Resource>> all(std::string kind);

    Parts parts_;
    std::shared_ptr<inference::Engine> engine_;  // opened by the first run
    std::set<std::string> running_;              // versions
    std::shared_ptr<void> subscription_;
    Scope scope_;  // last: its tasks use everything above
};

// The version that most devices run, else the one that passed its gate last; never `challenger`.
std::optional<Resource> champion_of(const Resource& challenger,
                                    const std::vector<Resource>& versions,
                                    const std::vector<Resource>& devices);
// Connected devices whose profile is of this class, by name.
std::vector<std::string> devices_of_class(const std::string& device_class,
                                          const std::vector<Resource>& devices,
                                          const std::vector<Resource>& profiles);

}  // namespace mw::gates
