#pragma once
// Labels on the spot, wired: what passes the processor fills the ring of snippets, the page asks,
// answers leave through the outbox on label/{model}. The page's listener also serves the Open
// Inference Protocol below /v2. Belongs to the agent's loop. DIR/snippets, DIR/label-page.json
// (where the page is).

#include <memory>
#include <string>

#include "device/agent/edge_models.h"
#include "device/agent/processor.h"
#include "device/edge_labels/edge_labels.h"

namespace mw::agent {

struct LabelOptions {
    bool serves = true;  // the page; snippets are kept all the same
    edge_labels::PageOptions page;
    std::uint64_t ring_bytes_max = std::uint64_t{16} << 20;
};

class LabelStation final : public Watcher {
 public:
    struct Parts {  // all outlive the station
        files::Files& files;
        Loop& loop;
        Workers& workers;
        const Clock& clock;  // the hub's time
        outbox::Outbox& outbox;
        std::string device;
        std::string directory;  // of the agent
        std::function<bool()> is_connected;
        open_inference::Models& models;  // served beside the page
    };
    // Blocks. A page that can't listen is logged and is not there; one that must not be reached as
    // it is configured is an error.
    static Result<std::unique_ptr<LabelStation>> open(Parts parts, LabelOptions options);
    ~LabelStation() override;

    Result<> configure(const Json& labels);  // config.labels of the desired document
    Json figures() const;
    std::string url() const { return page_ ? page_->url() : std::string(); }
    Task<> stop();

    void saw(const Batch& batch) override { recorder_.saw(batch); }
    void decided(const ModelRunner& runner, const std::vector<Decision>& decisions) override;
    void gone(const std::string& model) override { recorder_.forget(model); }

 private:
    LabelStation(Parts parts, LabelOptions options);
    Result<> open_page();
    void keep(const edge_labels::Snippet& snippet);
    Task<> send(std::string model, std::string message);

    Parts parts_;
    LabelOptions options_;
    metrics::Registry metrics_;
    std::unique_ptr<edge_labels::Ring> ring_;
    edge_labels::Recorder recorder_;
    std::unique_ptr<edge_labels::Desk> desk_;
    std::unique_ptr<open_inference::Protocol> inference_;
    std::unique_ptr<edge_labels::Page> page_;
    bool told_refused_ = false;
};

}  // namespace mw::agent
