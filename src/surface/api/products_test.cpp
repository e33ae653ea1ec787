#include "data/products/products.h"
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

const char* const pumps = R"({"name":"pumps","domain":"plant-a","spec":{"version":"1.0.0",
    "status":"active","consumers":[{"name":"energy","signals":["power"]}],
    "signals":[{"name":"power","unit":"W"},{"name":"flow","unit":"l/min"}]}})";

class Contracts : public ApiWorld {
 public:
    // The same product with another spec.
    std::string with(const std::string& spec) {
        return R"({"name":"pumps","domain":"plant-a","spec":)" + spec + "}";
    }
    const std::string without_power =
        R"({"version":"1.0.0","status":"active","signals":[{"name":"flow","unit":"l/min"}]})";
};

TEST_F(Contracts, are_exported_as_json_and_yaml) {
    ASSERT_EQ(call(post, "/v1/data-products", pumps).status, 201);
    const auto exported = call(get, "/v1/data-products/pumps/contract");
    ASSERT_EQ(exported.status, 200) << exported.body;
    EXPECT_EQ(text_at(exported, "kind"), "DataContract");
    auto asked = request(get, "/v1/data-products/pumps/contract", "", admin);
    asked.headers.set("Accept", "application/yaml");
    const auto yaml = send(std::move(asked));
    EXPECT_EQ(yaml.headers.get("Content-Type"), "application/yaml");
    EXPECT_EQ(parse_yaml(yaml.body)->at(0), json(exported));
    ASSERT_EQ(call(post, "/v1/data-products", R"({"name":"plain"})").status, 201);
    EXPECT_EQ(call(get, "/v1/data-products/plain/contract").status, 400);
    EXPECT_EQ(call(get, "/v1/data-products/gone/contract").status, 404);
    EXPECT_EQ(as("", get, "/v1/data-products/pumps/contract").status, 401);
}

TEST_F(Contracts, that_break_are_refused_and_named_also_in_a_dry_run) {
    ASSERT_EQ(call(post, "/v1/data-products", pumps).status, 201);
    const auto compared =
        call(post, "/v1/data-products/pumps/diff", R"({"spec":)" + without_power + "}");
    ASSERT_EQ(compared.status, 200) << compared.body;
    EXPECT_EQ(find_bool(json(compared), "allowed"), false);
    EXPECT_EQ(text_at(compared, "next_version"), "2.0.0");
    for (const char* query : {"?dryRun=1", ""}) {
        const auto refused = call(http::Method::put, std::string("/v1/data-products/pumps") + query,
                                  with(without_power));
        EXPECT_EQ(refused.status, 409);
        EXPECT_EQ(text_at(refused, "error.path"), "spec.version");
        EXPECT_NE(text_at(refused, "error.message").find("breaks consumer energy"),
                  std::string::npos)
            << refused.body;
    }
    EXPECT_EQ(call(del, "/v1/data-products/pumps").status, 409) << "somebody relies on it";
    auto next = without_power;
    next.replace(next.find("1.0.0"), 5, "2.0.0");
    EXPECT_EQ(call(http::Method::put, "/v1/data-products/pumps", with(next)).status, 200);
    EXPECT_EQ(call(post, "/v1/data-products/pumps/diff", "{}").status, 400);
    EXPECT_EQ(call(http::Method::patch, "/v1/data-products/pumps",
                   R"({"spec":{"status":"retired","version":"3.0.0"}})")
                  .status,
              200);
    EXPECT_EQ(call(del, "/v1/data-products/pumps").status, 200);
}

TEST_F(Contracts, obey_the_policies_of_their_domain) {
    ASSERT_EQ(call(post, "/v1/policies", R"({"name":"company","spec":{"domains":["*"],
        "retention":{"at_most":"90d"},"naming":{"products":"[a-z]+"}}})")
                  .status,
              201);
    const auto laxer = call(post, "/v1/policies", R"({"name":"plant","domain":"plant-a",
        "spec":{"retention":{"at_most":"365d"}}})");
    EXPECT_EQ(laxer.status, 409);
    EXPECT_EQ(text_at(laxer, "error.path"), "spec.retention.at_most");
    ASSERT_EQ(call(post, "/v1/policies", R"({"name":"plant","domain":"plant-a",
        "spec":{"retention":{"at_most":"30d"}}})")
                  .status,
              201);
    ASSERT_EQ(call(post, "/v1/data-products", pumps).status, 201);
    const auto policy = call(get, "/v1/data-products/pumps/policy");
    ASSERT_EQ(policy.status, 200) << policy.body;
    const auto lines = find(json(policy), "lines")->get_array();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(to_json(lines[0]),
              R"({"rule":"retention.at_most","value":"30d","from":["Policy plant"]})");
    const auto refused = call(http::Method::patch, "/v1/data-products/pumps",
                              R"({"spec":{"sla":{"retention":"60d"}}})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(text_at(refused, "error.path"), "spec.sla.retention");
    EXPECT_EQ(call(post, "/v1/data-products", R"({"name":"p-1"})").status, 409) << "its name";
}

}  // namespace
}  // namespace mw::api
