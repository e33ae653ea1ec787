// A small real chain in the real store, asked from every side.
#include "fleet/lineage/lineage.h"

#include <gtest/gtest.h>

#include "data/registry/registry.h"

namespace mw::lineage {
namespace {

const std::string bundle(64, 'b'), data_hash(64, 'd');

struct Chain {
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = Loop::open().value();
    std::unique_ptr<registry::Registry> store =
        registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"}).value();

    Chain() {
        put("DeviceProfile", "pump",
            R"({"signals":[{"name":"flow"},{"name":"power"},{"name":"fault"}]})");
        put("Model", "valve", "{}");
        put("DataProduct", "pumps",
            R"({"select":{"labels":{"line":"pumps"},"signals":["flow","power","fault"]}})");
        put("DataProduct", "energy", R"({"select":{"signals":["power"]}})", "plant-b");
        put("Dataset", "valves", R"({"product":"pumps","purpose":"training",
            "from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","devices":["gw-1"],
            "signals":["flow"],"labels":{"signal":"fault"}})");
        ok(store->merge_status("Dataset", "valves",
                               {{"state", "frozen"},
                                {"sha256", data_hash},
                                {"contract", JsonObject{{"version", "1.2.0"}, {"generation", 3}}}},
                               {"hub", "dataset.frozen", ""}));
        put("ModelVersion", "valve--1",
            R"({"model":"valve","version":"1","bundle":")" + bundle +
                R"(","trained_on":{"dataset":"valves","split":"train",
            "dataset_sha256":")" +
                data_hash + "\"}}");
        put("ModelVersion", "valve--0",
            R"({"model":"valve","version":"0","bundle":")" + bundle +
                R"(","trained_on":{"sql":"SELECT * FROM \"pumps\" "}})");
        device("gw-1", R"(,"models":{"valve":{"version":"1"}})");
        device("gw-2", R"(,"models":{"valve":{"version":"0","shadow":"1"}})");
    }
    template <class T>
    void ok(Task<T> task) {
        auto outcome = sync_wait(*loop, std::move(task));
        ASSERT_TRUE(outcome) << outcome.error().message;
    }
    void put(const std::string& kind, const std::string& name, const std::string& spec,
             const std::string& domain = "default", bool pump = false) {
        Resource resource;
        resource.kind = kind;
        resource.name = name;
        resource.domain = domain;
        if (pump) resource.labels["line"] = "pumps";
        resource.spec = *parse_json(spec);
        ok(store->create(std::move(resource), {"user:ann", "create", ""}));
    }
    void device(const std::string& name, const std::string& more = "") {
        put("Device", name, R"({"profile":"pump")" + more + "}", "default", true);
    }
    Result<Json> ask(Question question) {
        Lineage lineage(*store);
        return sync_wait(*loop, lineage.trace(std::move(question)));
    }
    // One line a node, two spaces a step: "Dataset valves {"contract":"1.2.0"}".
    std::string told(const std::string& kind, const std::string& name, bool down,
                     std::size_t limit = 200) {
        const auto tree = ask({kind, name, down, limit, {}});
        EXPECT_TRUE(tree) << tree.error().message;
        return tree ? lines(*tree, 0) : "";
    }
    static std::string lines(const Json& node, std::size_t depth) {
        std::string text(2 * depth, ' ');
        text +=
            find_string(node, "kind").value_or("") + " " + find_string(node, "name").value_or("");
        if (const Json* edge = find(node, "edge")) text += " " + mw::to_json(*edge);
        if (find(node, "repeated")) text += " again";
        if (const auto more = find_integer(node, "more")) text += " +" + std::to_string(*more);
        if (const auto hidden = find_integer(node, "hidden"))
            text += " -" + std::to_string(*hidden);
        text += "\n";
        if (const Json* children = find(node, "children"))
            for (const Json& child : children->get_array()) text += lines(child, depth + 1);
        return text;
    }
};

const std::string train_edge = R"({"dataset_sha256":")" + data_hash + R"(","split":"train"})";
const std::string bundle_edge = R"({"bundle_sha256":")" + bundle + "\"}";
const std::string shadow_edge = R"({"bundle_sha256":")" + bundle + R"(","shadow":true})";
const std::string contract_edge = R"({"contract":"1.2.0","contract_generation":3})";

TEST(Lineage, goes_down_from_a_series_to_the_devices_that_run_what_was_learned_from_it) {
    Chain chain;
    EXPECT_EQ(chain.told("series", "gw-1:flow", true),
              "Series gw-1:flow\n"
              "  DataProduct pumps\n"
              "    Dataset valves " +
                  contract_edge +
                  "\n"
                  "      ModelVersion valve--1 " +
                  train_edge +
                  "\n"
                  "        Device gw-1 " +
                  bundle_edge +
                  "\n"
                  "        Device gw-2 " +
                  shadow_edge +
                  "\n"
                  "    ModelVersion valve--0 {\"by\":\"SQL\"}\n"
                  "      Device gw-2 " +
                  bundle_edge + " again\n");
    // Nothing of gw-2 is in the dataset, and no power.
    const auto other = chain.told("series", "gw-2:flow", true);
    EXPECT_EQ(other.find("Dataset"), std::string::npos) << other;
    EXPECT_NE(other.find("valve--0"), std::string::npos) << other;
    const auto power = chain.told("series", "gw-1:power", true);
    EXPECT_EQ(power.find("Dataset"), std::string::npos) << power;
    EXPECT_NE(power.find("DataProduct energy"), std::string::npos) << power;
}

TEST(Lineage, goes_up_from_a_device_to_the_devices_that_its_model_learned_from) {
    Chain chain;
    EXPECT_EQ(chain.told("device", "gw-1", false),
              "Device gw-1\n"
              "  ModelVersion valve--1 " +
                  bundle_edge +
                  "\n"
                  "    Dataset valves " +
                  train_edge +
                  "\n"
                  "      DataProduct pumps " +
                  contract_edge +
                  "\n"
                  "        Series gw-1:flow\n"
                  "          Device gw-1 again\n"
                  "        Series gw-1:fault\n"
                  "          Device gw-1 again\n");
    EXPECT_EQ(chain.told("product", "energy", false),
              "DataProduct energy\n"
              "  Series gw-1:power\n"
              "    Device gw-1\n"
              "  Series gw-2:power\n"
              "    Device gw-2\n");
}

TEST(Lineage, is_bounded_and_says_how_much_was_cut) {
    Chain chain;
    for (int i = 0; i < 40; ++i) chain.device("extra-" + std::to_string(100 + i));
    const auto cut = chain.told("product", "pumps", false, 16);
    EXPECT_NE(cut.find("DataProduct pumps +"), std::string::npos) << cut;
    EXPECT_LE(std::count(cut.begin(), cut.end(), '\n'), 16);
    // 42 devices have 126 series; each child may have its device below.
    const auto wide = chain.told("product", "pumps", false, 80);
    EXPECT_NE(wide.find("DataProduct pumps +116\n"), std::string::npos) << wide;
}

TEST(Lineage, hides_what_may_not_be_seen_and_counts_it) {
    Chain chain;
    const auto may = [](const Resource& resource) { return resource.domain != "plant-b"; };
    const auto tree = chain.ask({"series", "gw-1:power", true, 200, may});
    ASSERT_TRUE(tree);
    EXPECT_TRUE(Chain::lines(*tree, 0).starts_with("Series gw-1:power -1\n  DataProduct pumps"));
    EXPECT_EQ(chain.ask({"product", "energy", true, 200, may}).error().code, Errc::not_found);
}

TEST(Lineage, says_what_it_does_not_know) {
    Chain chain;
    EXPECT_EQ(chain.ask({"sites", "x", true, 200, {}}).error().code, Errc::invalid_input);
    EXPECT_EQ(chain.ask({"device", "x", true, 200, {}}).error().code, Errc::not_found);
    EXPECT_EQ(chain.ask({"series", "gw-1:gone", true, 200, {}}).error().code, Errc::not_found);
    EXPECT_EQ(chain.ask({"series", "gw-1", true, 200, {}}).error().code, Errc::not_found);
    EXPECT_EQ(kind_from("Data-Product").value(), "DataProduct");
}

}  // namespace
}  // namespace mw::lineage
