#pragma once
// The hub's models for insight/open_inference: versions of the registry, loaded from their bundles
// when they are first asked, by the engine that gateways use. Belongs to the control loop; loading
// and running is the workers'. Limits: 8 models in memory, the longest unasked goes first; bundles
// of 64 MB; a model runs one question at a time.

#include <list>
#include <memory>

#include "data/blobs/blobs.h"
#include "domain/resource_store.h"
#include "insight/open_inference/open_inference.h"
#include "insight/pipeline/pipeline.h"
#include "platform/loop/loop.h"

namespace mw::hub {

// A blob in memory. invalid_input when it is larger.
Task<Bytes> read_blob(blobs::Blobs& blobs, std::string sha256, std::size_t bytes_max);

class ModelServer final : public open_inference::Models {
 public:
    struct Parts {  // all outlive the server
        ResourceStore& registry;
        blobs::Blobs& blobs;
        Workers& workers;
        Clock& clock;
    };
    explicit ModelServer(Parts parts) : parts_(parts) {}

    bool ready() const override { return true; }
    Task<open_inference::Description> describe(std::string model, std::string version) override;
    Task<std::vector<float>> run(std::string model, std::string version,
                                 open_inference::Rows rows) override;

    static constexpr std::size_t models_max = 8;
    static constexpr std::size_t bundle_bytes_max = std::size_t{64} << 20;

 private:
    struct Loaded {
        std::string sha256;
        pipeline::LoadedBundle bundle;
        bool busy = false;
        Event idle;
    };
    class Turn;
    struct Versions {
        std::vector<std::string> all;  // that are of use, oldest first
        Resource chosen;
    };
    Task<Versions> find(std::string model, std::string version);
    Task<std::shared_ptr<Loaded>> load(std::string sha256);
    std::shared_ptr<Loaded> loaded(const std::string& sha256);

    Parts parts_;
    std::shared_ptr<inference::Engine> engine_;  // opened when the first model is asked
    std::list<std::shared_ptr<Loaded>> models_;  // the one asked last first
    bool loading_ = false;
    Event load_ended_;
};

}  // namespace mw::hub
