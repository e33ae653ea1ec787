#pragma once
// Connects labels, datasets and gates to the hub: the label log as a table, decisions to label
// tasks, commands to devices over the broker, the release key to reports, people through the API.
// Control loop.

#include <memory>

#include "apps/hub/data_plane.h"
#include "data/datasets/datasets.h"
#include "data/label_log/label_log.h"
#include "data/registry/registry.h"
#include "fleet/gates/gates.h"
#include "fleet/labelling/labelling.h"
#include "surface/api/api.h"
#include "trust/identity/identity.h"

namespace mw::hub {

// The label log, and what SQL sees of it. Built before the query engine.
class LabelTable final : public query::LabelSource {
 public:
    static Result<std::unique_ptr<LabelTable>> open(files::Files& files, Loop& loop,
                                                    Workers& workers, std::string directory);
    std::shared_ptr<const labels::Labels> labels() override { return log_->newest(); }
    labels::LabelLog& log() { return *log_; }

 private:
    std::unique_ptr<labels::LabelLog> log_;
};

class GateWiring final : public api::LabelDesk, public api::GateRunner {
 public:
    struct Parts {  // all outlive the wiring
        Loop& loop;
        Workers& workers;
        Clock& clock;
        Random& random;
        metrics::Registry& metrics;
        registry::Registry& registry;
        blobs::Blobs& blobs;
        QueryEngine& queries;
        labels::LabelLog& labels;
        gates::CommandSink& devices;
        const identity::SigningKey& release_key;
    };
    explicit GateWiring(Parts parts);

    Task<> start();
    Task<> stop();

    void offer(const std::vector<Decision>& decisions) { labelling_->offer(decisions); }
    void on_reply(const ingest::DeviceReport& report) {
        commands_->on_reply(report.device, report.name, report.body);
    }
    // What somebody at a gateway said, with what they saw.
    Task<> take(labelling::EdgeAnswer answer);
    // What ModelVersion, Dataset, GateReport, LabelTask and Device say to a person's write.
    void add_admission(api::Admission& admission);

    Task<Json> answer(std::string task, Json body, std::string author) override;
    Task<Json> adjudicate(std::string task, Json body, policy::Principal who) override;
    JsonArray agreement(const std::string& use_case, const std::string& model) override;
    Task<Json> run(std::string gate, std::string version, std::string actor) override;
    Task<Json> retire(std::string version, std::string reason, std::string actor) override;

 private:
    Task<double> threshold(std::string model, std::string version);
    Task<gates::Consent> consent(Resource subject, std::string what, std::string role);
    Task<Resource> admit_device(policy::AdmissionRequest request, api::Admit others);
    Task<> refuse_refused(policy::AdmissionRequest request);

    Parts parts_;
    std::unique_ptr<datasets::Datasets> datasets_;
    std::unique_ptr<labelling::Labelling> labelling_;
    std::unique_ptr<gates::Commands> commands_;
    std::unique_ptr<gates::Gates> gates_;
};

}  // namespace mw::hub
