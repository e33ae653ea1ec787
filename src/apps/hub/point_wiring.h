#pragma once
// Points that came over HTTP, on their way to the data loop and its log.

#include "apps/hub/data_plane.h"
#include "surface/api/api.h"

namespace mw::hub {

class PointWiring final : public api::PointDesk {
 public:
    explicit PointWiring(DataPlane& data) : data_(data) {}
    Task<Outcome> store(Load load) override;
    Task<> flush() override { return data_.flush(); }

 private:
    Task<Outcome> store_there(Load load);
    DataPlane& data_;
};

}  // namespace mw::hub
