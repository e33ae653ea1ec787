#pragma once
// The models that run on this gateway, as others may ask them (insight/open_inference). A question
// runs between two batches, on the agent's loop: it sees the model that decides, and costs the
// loop its time. Limit: 256 rows a question.

#include "device/agent/processor.h"
#include "insight/open_inference/open_inference.h"

namespace mw::agent {

class EdgeModels final : public open_inference::Models {
 public:
    explicit EdgeModels(const Processor& processor) : processor_(processor) {}

    bool ready() const override { return true; }
    Task<open_inference::Description> describe(std::string model, std::string version) override;
    Task<std::vector<float>> run(std::string model, std::string version,
                                 open_inference::Rows rows) override;

    static constexpr std::size_t rows_max = 256;

 private:
    Result<ModelRunner*> find(const std::string& model, const std::string& version) const;

    const Processor& processor_;
};

}  // namespace mw::agent
