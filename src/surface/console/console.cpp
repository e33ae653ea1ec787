#include "surface/console/console.h"

#include "surface/console/page_files.h"

namespace mw::console {

api::Assets assets() {
    return [](std::string_view path) -> std::optional<api::Asset> {
        if (path == "/") path = "/index.html";
        for (const PageFile& file : page_files())
            if (file.path == path)
                return api::Asset{std::string(file.content_type), std::string(file.body),
                                  "no-cache"};
        return std::nullopt;
    };
}

}  // namespace mw::console
