// The document at /openapi.json, against the routes that there are.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "surface/api/api_world.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

using OpenApi = ApiWorld;

void each_reference(const Json& value, const std::function<void(const std::string&)>& visit) {
    if (const auto* list = value.if_array())
        for (const auto& item : *list) each_reference(item, visit);
    if (const auto* object = value.if_object())
        for (const auto& [key, part] : *object)
            key == "$ref" ? visit(std::string(part.get_string())) : each_reference(part, visit);
}

// What api.cpp adds by name: the kinds' routes are added in a loop.
std::vector<std::pair<std::string, std::string>> routes_in_the_source() {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/src/surface/api/api.cpp");
    std::ostringstream stream;
    stream << file.rdbuf();
    const auto text = stream.str().substr(0, stream.str().find("Api::add_device_routes"));
    const std::regex line(R"re(routes\.(?:add|open)\(Method::(\w+), "(/[^"]*)")re");
    std::vector<std::pair<std::string, std::string>> found;
    for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at) {
        const std::string method = (*at)[1], pattern = (*at)[2];
        if (pattern == "/" || pattern == "/{rest...}") continue;
        found.emplace_back(method == "del" ? "delete" : method, pattern);
    }
    return found;
}

TEST_F(OpenApi, has_every_route_and_every_reference) {
    const auto answer = as("", get, "/openapi.json");
    ASSERT_EQ(answer.status, 200);
    const auto document = json(answer);
    EXPECT_EQ(find_string(document, "openapi"), "3.1.0");
    EXPECT_TRUE(find_string(document, "info.title") && find_string(document, "info.version"));
    const auto& paths = find(document, "paths")->get_object();
    std::size_t routes = 6 * registry::kinds().size();
    for (const auto& kind : registry::kinds()) {
        const auto all = "/v1/" + kind.plural;
        for (const char* key : {"get", "post"})
            EXPECT_TRUE(paths.at(all).get_object().contains(key)) << all;
        for (const char* key : {"get", "put", "patch", "delete"})
            EXPECT_TRUE(paths.at(all + "/{name}").get_object().contains(key)) << all;
    }
    for (const auto& [key, pattern] : routes_in_the_source()) {
        ++routes;
        ASSERT_TRUE(paths.contains(pattern)) << pattern;
        EXPECT_TRUE(paths.at(pattern).get_object().contains(key)) << key << " " << pattern;
    }
    EXPECT_GT(routes, 6 * registry::kinds().size() + 20);
    std::size_t references = 0;
    each_reference(document, [&](const std::string& target) {
        const std::string prefix = "#/components/schemas/";
        ASSERT_TRUE(target.starts_with(prefix)) << target;
        const auto& schemas = find(document, "components.schemas")->get_object();
        EXPECT_TRUE(schemas.contains(target.substr(prefix.size()))) << target;
        ++references;
    });
    EXPECT_GT(references, routes);
}

TEST_F(OpenApi, describes_each_operation) {
    const auto document = json(as("", get, "/openapi.json"));
    std::set<std::string> ids;
    for (const auto& [path, item] : find(document, "paths")->get_object()) {
        for (const auto& [method, deed] : item.get_object()) {
            const auto what = std::string(method) + " " + std::string(path);
            EXPECT_NE(find_string(deed, "summary").value_or(""), "")
                << what << " needs a line in openapi.cpp";
            EXPECT_TRUE(ids.insert(find_string(deed, "operationId").value_or("")).second) << what;
            EXPECT_FALSE(find(deed, "responses")->get_object().empty()) << what;
            std::set<std::string> declared;
            if (const Json* parameters = find(deed, "parameters"))
                for (const auto& one : parameters->get_array()) {
                    EXPECT_TRUE(find(one, "schema.type") && find(one, "in")) << what;
                    if (find_string(one, "in") == "path")
                        declared.insert(*find_string(one, "name"));
                }
            const std::string text(path);
            for (auto at = text.find('{'); at != text.npos; at = text.find('{', at + 1))
                EXPECT_EQ(declared.count(text.substr(at + 1, text.find('}', at) - at - 1)), 1u)
                    << what;
        }
    }
}

TEST_F(OpenApi, a_kind_has_the_schema_that_writes_are_checked_by) {
    const auto document = json(as("", get, "/openapi.json"));
    EXPECT_EQ(*find(document, "components.schemas.UseCase"),
              registry::find_kind("UseCase")->schema.source());
    const auto create =
        find_string(find(document, "paths")->get_object().at("/v1/use-cases"), "post.operationId");
    EXPECT_EQ(create, "post_use_cases");
}

using ApiPortfolio = ApiWorld;

TEST_F(ApiPortfolio, ranks_reviews_and_computes_for_who_may_see) {
    ASSERT_EQ(call(post, "/v1/roles", R"({"name":"north","spec":{"rules":[
        {"verbs":["get","list"],"kinds":["UseCase"],"domains":["north"]}]}})")
                  .status,
              201);
    for (const char* domain : {"north", "south"})
        ASSERT_EQ(call(post, "/v1/use-cases",
                       R"({"name":")" + std::string(domain) + R"(","domain":")" + domain +
                           R"(","spec":{"business_owner":"a",
                 "executive_sponsor":"b","hypothesis":"h"}})")
                      .status,
                  201);
    const auto north = user("nora", {"north"}), nobody = user("noel", {});
    EXPECT_EQ(find(json(call(get, "/v1/use-cases:rank")), "items")->get_array().size(), 2u);
    const auto theirs = json(as(north, get, "/v1/use-cases:rank"));
    ASSERT_EQ(find(theirs, "items")->get_array().size(), 1u);
    EXPECT_EQ(find_string(find(theirs, "items")->get_array()[0], "name"), "north");
    EXPECT_EQ(as(nobody, get, "/v1/use-cases:rank").status, 403);

    EXPECT_EQ(text_at(as(north, get, "/v1/use-cases/north/review"), "of"), "north");
    EXPECT_EQ(as(north, get, "/v1/use-cases/south/review").status, 404);
    EXPECT_EQ(as(north, post, "/v1/use-cases/north/kpis", "{}").status, 403);
    EXPECT_EQ(call(post, "/v1/use-cases/north/kpis", "{}").status, 200);
    EXPECT_EQ(portfolio.computed, "north");
    EXPECT_EQ(call(get, "/v1/use-cases/nope/review").status, 404);
}

}  // namespace
}  // namespace mw::api
