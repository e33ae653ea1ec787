#include "fleet/lineage/lineage.h"

#include "domain/each_resource.h"

namespace mw::lineage {

Task<> Lineage::read(std::string kind, projection::ByName& shelf) {
    auto visit = [&shelf](Resource resource) {
        std::string name = resource.name;
        shelf[std::move(name)] = std::move(resource);
    };
    co_return co_await each_resource(store_, std::move(kind), std::move(visit));
}

Task<Json> Lineage::trace(Question question) {
    CO_TRY(question.kind, kind_from(question.kind));
    Resources all;
    CO_TRY_VOID(co_await read("Device", all.plant.devices));
    CO_TRY_VOID(co_await read("DeviceProfile", all.plant.profiles));
    CO_TRY_VOID(co_await read("DataProduct", all.plant.products));
    CO_TRY_VOID(co_await read("Dataset", all.datasets));
    CO_TRY_VOID(co_await read("ModelVersion", all.versions));
    co_return lineage::trace(all, question);
}

}  // namespace mw::lineage
