#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiInference : public ApiWorld {};

constexpr const char* two_rows =
    R"({"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6.5]}]})";

TEST_F(ApiInference, answers_whoever_may_read_versions) {
    const auto viewer = user("vic", {"viewer"});
    const auto model = as(viewer, get, "/v2/models/pump");
    ASSERT_EQ(model.status, 200) << model.body;
    EXPECT_EQ(find_string(json(model), "platform"), "native");
    const auto scores = as(viewer, post, "/v2/models/pump/versions/1/infer", two_rows);
    ASSERT_EQ(scores.status, 200) << scores.body;
    EXPECT_EQ(to_json(json(scores).at("outputs").at(0).at("data")), "[6.0,15.5]");
    EXPECT_EQ(as(viewer, get, "/v2/models/pump/ready").status, 200);
    EXPECT_EQ(as(viewer, get, "/v2/models/pump/versions/2/ready").status, 404);
    EXPECT_EQ(as(viewer, get, "/v2/models/other").status, 404);
    EXPECT_EQ(as(viewer, post, "/v2/models/pump/infer", "{").status, 400);
}

TEST_F(ApiInference, tells_others_only_that_it_is_there) {
    for (const char* open : {"/v2", "/v2/health/live", "/v2/health/ready"})
        EXPECT_EQ(as("", get, open).status, 200) << open;
    EXPECT_EQ(as("", get, "/v2/models/pump").status, 401);
    EXPECT_EQ(as("", post, "/v2/models/pump/infer", two_rows).status, 401);
    const auto writing = user("wim", {"writer"});
    const auto refused = as(writing, post, "/v2/models/pump/infer", two_rows);
    EXPECT_EQ(refused.status, 403) << refused.body;
    EXPECT_NE(find_string(json(refused), "error").value_or(""), "");
}

}  // namespace
}  // namespace mw::api
