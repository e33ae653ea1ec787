#pragma once
// Keeps every Monitor's state, reading and alert up to date: when sketches come, and on a schedule
// for answers of people. Belongs to the control loop; figures are computed on a worker. Everything
// it needs is in resources and sketches, so it may stop at any point.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "domain/query_engine.h"
#include "domain/resource_store.h"
#include "fleet/monitors/sketch_index.h"
#include "fleet/monitors/verdict.h"

namespace mw::monitors {

struct Options {
    nanoseconds every = seconds{30};         // looks without new sketches
    nanoseconds gather = milliseconds{500};  // after a sketch, for those that come with it
    std::size_t references_max = 32;         // bundles kept in memory
};

class Monitors {
 public:
    struct Parts {  // all outlive the object
        Loop& loop;
        Workers& workers;
        ResourceStore& store;
        QueryEngine& query;
        SketchIndex& sketches;
        std::function<Task<Bytes>(std::string sha256)> bundle;
    };
    explicit Monitors(Parts parts, Options options = {});
    ~Monitors();  // after stop()

    // Reads devices and monitors, follows them, and looks from then on.
    Task<> start();
    Task<> stop();

    // A sketch as it came; not readable ones are counted and passed over.
    void on_sketch(const std::string& device, const std::string& model, ByteView body);
    // A person has seen the alert. conflict: there is none to see.
    Task<Resource> acknowledge(std::string monitor, std::string actor);
    // Looks at one monitor now.
    Task<> look(std::string monitor);

 private:
    using ReferencePtr = std::shared_ptr<const pipeline::Reference>;
    using LookPtr = std::shared_ptr<Look>;
    void on_change(const ResourceChange& change);
    Task<> keep_looking();
    Task<> read_all(std::string kind);
    Task<ReferencePtr> reference(std::string bundle);
    Result<Resource> version_of(const std::string& model, const std::string& bundle) const;
    Task<> observe(Spec spec, LookPtr look);
    Task<> hear_people(Spec spec, LookPtr look);

    Parts parts_;
    Options options_;
    std::set<std::string> monitors_;
    std::map<std::string, Resource> devices_;
    std::map<std::string, Resource> versions_;  // by name
    std::map<std::string, ReferencePtr> references_;
    std::shared_ptr<void> subscription_;
    Event arrived_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::monitors
