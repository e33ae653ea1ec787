#include "domain/each_resource.h"

namespace mw {

Task<> each_resource(ResourceStore& store, std::string kind, std::function<void(Resource)> visit) {
    ListQuery query;
    query.kind = std::move(kind);
    for (;;) {
        CO_TRY(ResourcePage page, co_await store.list(query));
        for (Resource& resource : page.items) visit(std::move(resource));
        if (page.continue_from.empty()) co_return Result<>{};
        query.continue_from = std::move(page.continue_from);
    }
}

}  // namespace mw
