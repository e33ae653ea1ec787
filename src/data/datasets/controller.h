#pragma once
// Freezes Dataset resources: one at a time, in the order in which they came. A restart begins again
// with what is waiting; what is frozen is never touched again.

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/state_table.h"
#include "data/blobs/blobs.h"
#include "data/datasets/splits.h"
#include "data/label_log/label_log.h"
#include "domain/query_engine.h"
#include "domain/resource_store.h"

namespace mw::datasets {

const StateTable& dataset_table();

// Before a person's write: a frozen dataset keeps its spec (conflict), and a spec must make sense
// (invalid_input names the key).
Result<> admit(const Resource& wanted, const std::optional<Resource>& stored);

class Datasets {
 public:
    struct Parts {  // all outlive the controller
        Loop& loop;
        ResourceStore& store;
        QueryEngine& queries;
        blobs::Blobs& blobs;
        labels::LabelLog& labels;
        Workers& workers;
        Clock& clock;
    };
    explicit Datasets(Parts parts);
    ~Datasets();  // after stop()

    Task<> start();
    Task<> stop();

 private:
    struct Frozen {
        blobs::Blob blob;
        JsonObject facts;
        std::string refused;  // leaks that the spec doesn't allow: nothing was stored
    };
    void on_change(const ResourceChange& change);
    Task<> work();
    Task<> settle(std::string name);
    Task<Frozen> freeze(Resource dataset);
    Task<Frozen> freeze_once(Resource dataset, Resource product);
    Task<Assets> assets();

    Parts parts_;
    std::deque<std::string> waiting_;
    Event arrived_;
    std::shared_ptr<void> subscription_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::datasets
