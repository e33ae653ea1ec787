#pragma once
// Connects monitors to the hub: sketches from the data plane, references from bundles, people
// through the API. Control loop.

#include <memory>

#include "data/blobs/blobs.h"
#include "data/ingest/ingest.h"
#include "fleet/monitors/monitors.h"
#include "surface/api/api.h"

namespace mw::hub {

class MonitorWiring final : public api::MonitorDesk {
 public:
    struct Parts {  // all outlive the wiring
        Loop& loop;
        Workers& workers;
        ResourceStore& store;
        QueryEngine& queries;
        blobs::Blobs& blobs;
        monitors::SketchIndex& sketches;
    };
    explicit MonitorWiring(Parts parts);

    Task<> start() { return monitors_->start(); }
    Task<> stop() { return monitors_->stop(); }
    void on_sketch(const ingest::DeviceReport& report) {
        monitors_->on_sketch(report.device, report.name, bytes_of(report.body));
    }
    Task<Json> acknowledge(std::string monitor, std::string actor) override;

 private:
    Task<Bytes> bundle(std::string sha256);

    blobs::Blobs& blobs_;
    std::unique_ptr<monitors::Monitors> monitors_;
};

}  // namespace mw::hub
