#pragma once
// Shows the broker to its operators: the API asks on the control loop, the broker answers on the
// data loop.

#include "apps/hub/data_plane.h"
#include "surface/api/api.h"

namespace mw::hub {

class BrokerWiring final : public api::BrokerDesk {
 public:
    explicit BrokerWiring(DataPlane& data) : data_(data) {}

    Task<Json> clients(Order order) override;
    Task<Json> subscriptions(Order order) override;
    Task<Json> retained(Order order) override;
    Task<Json> bridges() override;
    Task<Json> kick(Kick kick) override;
    Task<std::shared_ptr<Trace>> trace(TraceOrder order) override;

 private:
    DataPlane& data_;
};

// How packets and views are told in JSON (docs/formats/http-api.md).
Json to_json(const mqtt::TraceEvent& event, bool payload);
Json to_json(const mqtt::SessionView& view);
Json to_json(const mqtt::SubscriptionView& view);
Json to_json(const mqtt::RetainedView& view, bool payload);
Json to_json(const mqtt::BridgeView& view);

}  // namespace mw::hub
