// Selectors and continue tokens of strangers become SQL: whatever they are, the answer is a page or
// a clear refusal, never an error of SQLite.
#include "data/registry/reader.h"

namespace {

mw::registry::Reader& reader() {
    static auto database = [] {
        auto opened = *mw::sqlite::Database::open({.path = ":memory:"});
        ASSERT(opened.migrate(mw::registry::migrations).ok());
        ASSERT(opened
                   .run("INSERT INTO resources VALUES('Device','gw','default','{\"a\":\"b\"}',"
                        "'{\"x\":1.5,\"y\":[true,null]}','{}',1,1,1,1);"
                        "INSERT INTO labels VALUES('Device','a','b','gw');")
                   .ok());
        return opened;
    }();
    static mw::registry::Reader reader(database);
    return reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = text.find('\n');
    const auto second = first == std::string_view::npos ? first : text.find('\n', first + 1);
    mw::ListQuery query;
    query.kind = "Device";
    query.label_selector = text.substr(0, first);
    if (first != std::string_view::npos)
        query.field_selector = text.substr(first + 1, second - first - 1);
    if (second != std::string_view::npos) query.continue_from = text.substr(second + 1);
    const auto page = reader().list(query);
    if (!page) {
        ASSERT(page.error().code == mw::Errc::invalid_input);
        // Refusals quote what was asked, which may speak of SQLite itself.
        ASSERT(text.find("SQLite") != std::string_view::npos ||
               page.error().message.find("SQLite") == std::string::npos);
    }
    return 0;
}
