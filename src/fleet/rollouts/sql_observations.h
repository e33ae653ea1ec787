#pragma once
// Observations by SQL over decisions, and over the KPIs of use cases. Control loop.

#include "domain/query_engine.h"
#include "domain/resource_store.h"
#include "fleet/rollouts/observations.h"

namespace mw::rollouts {

class SqlObservations final : public Observations {
 public:
    SqlObservations(QueryEngine& engine, ResourceStore& store) : engine_(engine), store_(store) {}
    Task<std::vector<DeviceValue>> values(Question question) override;

 private:
    Task<std::vector<DeviceValue>> ask(std::string sql, double sign);
    Task<std::vector<DeviceValue>> ask_kpi(Question question);

    QueryEngine& engine_;
    ResourceStore& store_;
};

// Pure, for tests.
std::string sql_of(const Observations::Question& question);
std::string sql_time(Timestamp time);
Result<std::vector<DeviceValue>> device_values(std::string_view reply, double sign);

}  // namespace mw::rollouts
