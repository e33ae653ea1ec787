#include "data/datasets/datasets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "data/registry/registry.h"
#include "domain/story.h"

namespace mw::datasets {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string file(const std::string& path) {
    std::ifstream in(std::string(MW_SOURCE_DIR) + path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

Content sample() {
    const std::vector<std::string> signals = {"flow", "level, \"upper\""};
    const Quality good = Quality::good(), none = Quality::bad(Reason::not_a_number);
    Content content;
    content.signals = signals;
    content.devices = {
        {"gw-1",
         {signals,
          {{start}, {start + second}},
          {0.1, nan, 1e300, -0.0},
          {good, none, good, good},
          {0, 1}},
         {1, 1}},
        {"gw-2", {signals, {{-5}}, {nan, 5e-324}, {Quality{64}, Quality{0}}, {0}}, {0}}};
    return content;
}

TEST(DatasetFile, is_the_golden_one_and_reads_back) {
    const std::string golden = file("/src/data/datasets/golden/dataset.csv");
    const auto written = write_dataset(sample());
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(*written, golden);
    const auto content = read_dataset(golden);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->rows(), 3u);
    EXPECT_EQ(content->labelled_rows(), 2u);
    EXPECT_EQ(content->anomalous_rows(), 1u);
    EXPECT_EQ(*write_dataset(*content), golden);
    EXPECT_TRUE(std::signbit(content->devices[0].recording.values[3]));
}

TEST(DatasetFile, names_the_line_of_whatever_it_cannot_read) {
    const std::string head = "#millwright-dataset 1\ndevice,time,label,a,a:quality\n";
    struct Case {
        std::string text, says;
    };
    const Case cases[] = {
        {"", "does not begin with"},
        {"#millwright-dataset 3\n", "does not begin with"},
        {"#millwright-dataset 2\n", "line 2: the header is missing"},
        {"#millwright-dataset 2\ndevice,time,label,a,a:quality\n", "want device,time,label,split"},
        {"#millwright-dataset 1\n", "line 2: the header is missing"},
        {"#millwright-dataset 1\ndevice,time,label\n", "line 2: want device,time,label and two"},
        {"#millwright-dataset 1\ndevice,time,label,a,b\n", "line 2: want 'a:quality'"},
        {head + "g,1,0,1,192", "line 3: the end of the line is missing"},
        {head + "g,1,0,1\n", "line 3: it has 4 cells, want 5"},
        {head + "g,x,0,1,192\n", "line 3: time must be"},
        {head + "g,1,2,1,192\n", "line 3: label must be"},
        {head + "g,1,0,one,192\n", "line 3: 'one' is not a number"},
        {head + "g,1,0,1,256\n", "line 3: quality must be"},
        {head + "g,1,0,1,\n", "line 3: a value and its quality go together"},
        {head + "g,2,0,1,192\ng,1,0,1,192\n", "line 4: times must ascend"},
        {head + "h,1,0,1,192\ng,1,0,1,192\n", "line 4: devices must ascend"},
        {head + "g,1,0,1.0,192\n", "line 3: it is not in the canonical form"},
        {head + "\"g\",1,0,1,192\n", "line 3: it is not in the canonical form"},
        {head + "g\"x\",1,0,1,192\n", "line 3: a quote is out of place"},
        {head + "\"g,1,0,1,192\n", "line 3: a quote is out of place"},
    };
    for (const auto& [text, says] : cases) {
        const auto content = read_dataset(text);
        ASSERT_FALSE(content) << text;
        EXPECT_NE(content.error().message.find(says), std::string::npos)
            << text << " -> " << content.error().message;
    }
}

TEST(DatasetFile, reads_only_what_it_writes_whatever_byte_is_changed) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    const std::string golden = file("/src/data/datasets/golden/dataset.csv");
    for (int i = 0; i < 3000; ++i) {
        std::string text = golden;
        for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits)
            text[random.below(text.size())] = "0123456789,.\"-naif\n:g"[random.below(21)];
        const auto content = read_dataset(text);
        if (content) {
            EXPECT_EQ(*write_dataset(*content), text);
        }
    }
}

TEST(DatasetFile, training_rows_are_the_stretches_without_anomalies) {
    Content content;
    content.signals = {"a"};
    detectors::Recording recording{{"a"}, {}, {}, {}, {0, 0, 1, 1, 0, 1, 0, 0}};
    for (int i = 0; i < 8; ++i) {
        recording.times.push_back({start + i * second});
        recording.values.push_back(i);
        recording.quality.push_back(Quality::good());
    }
    content.devices.push_back({"gw-1", recording, std::vector<std::uint8_t>(8, 1)});
    const auto parts = normal_rows(content);
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(parts[0].values, (std::vector<double>{0, 1}));
    EXPECT_EQ(parts[1].values, (std::vector<double>{4}));
    EXPECT_EQ(parts[2].values, (std::vector<double>{6, 7}));
}

struct PointLine {
    std::int64_t at;
    std::string device, signal;
    std::string value;
    int quality = 192;
};
std::string csv_of(const std::vector<PointLine>& points) {
    std::string csv = "t,device,signal,value,quality\n";
    for (const auto& p : points)
        csv += std::to_string(start + p.at * second) + "," + p.device + "," + p.signal + "," +
               p.value + "," + std::to_string(p.quality) + "\n";
    return csv;
}

Json spec_of(const std::string& more = "") {
    return *parse_json(R"({"product":"pumps","purpose":"training","from":"2023-11-14T00:00:00Z",)"
                       R"("to":"2023-11-15T00:00:00Z")" +
                       more + "}");
}

labels::Label answer(std::int64_t from, std::int64_t to, bool event, std::int64_t said_at,
                     const std::string& device = "gw-1") {
    labels::Label label;
    label.number = static_cast<std::uint64_t>(said_at);
    label.device = device;
    label.model = "valve";
    label.window_from = {start + from * second};
    label.window_to = {start + to * second};
    label.label = event;
    label.why = "audit";
    label.author = "user:ann";
    label.labelled_at = {start + said_at * second};
    return label;
}

TEST(DatasetRows, take_their_label_from_answers_first_and_from_the_signal_else) {
    const auto order = order_of(spec_of(R"(,"labels":{"signal":"fault"})"));
    ASSERT_TRUE(order) << order.error().message;
    std::vector<PointLine> points;
    for (int i = 0; i < 6; ++i) {
        points.push_back({i, "gw-1", "flow", std::to_string(i)});
        if (i != 5) points.push_back({i, "gw-1", "fault", i < 2 ? "1" : "0"});
    }
    const auto content = assemble(csv_of(points), *order,
                                  {answer(0, 1, false, 900), answer(1, 3, true, 901),
                                   answer(9, 9, true, 902), answer(0, 5, true, 903, "gw-2")});
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_EQ(content->signals, (std::vector<std::string>{"flow"}));
    ASSERT_EQ(content->devices.size(), 1u);
    EXPECT_EQ(content->devices[0].recording.labels, (std::vector<std::uint8_t>{0, 1, 1, 1, 0, 0}));
    EXPECT_EQ(content->devices[0].labelled, (std::vector<std::uint8_t>{1, 1, 1, 1, 1, 0}));
}

TEST(DatasetRows, are_the_same_bytes_in_whatever_order_points_and_answers_came) {
    const std::uint64_t seed = SystemRandom().next();
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    const auto order = order_of(spec_of(R"(,"labels":{"signal":"fault"})"));
    ASSERT_TRUE(order);
    std::vector<PointLine> points;
    for (int i = 0; i < 200; ++i) {
        const std::string device = "gw-" + std::to_string(random.below(3));
        const char* signals[] = {"flow", "level", "fault", "b"};
        const char* values[] = {"0.1", "nan", "-0", "1e300", "", "1", "0.30000000000000004"};
        points.push_back({static_cast<std::int64_t>(random.below(40)), device,
                          signals[random.below(4)], values[random.below(7)],
                          static_cast<int>(random.below(256))});
    }
    std::vector<labels::Label> answers;
    for (int i = 0; i < 20; ++i) {
        const auto from = static_cast<std::int64_t>(random.below(40));
        answers.push_back(answer(from, from + 5, random.below(2) == 1, 100 + i,
                                 "gw-" + std::to_string(random.below(3))));
    }
    const auto bytes = [&] {
        const auto content = assemble(csv_of(points), *order, answers);
        EXPECT_TRUE(content);
        return *write_dataset(*content);
    };
    const std::string first = bytes();
    EXPECT_EQ(*write_dataset(*read_dataset(first)), first);
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = points.size() - 1; i > 0; --i)
            std::swap(points[i], points[random.below(i + 1)]);
        for (std::size_t i = answers.size() - 1; i > 0; --i)
            std::swap(answers[i], answers[random.below(i + 1)]);
        ASSERT_EQ(bytes(), first);
    }
}

TEST(DatasetRows, refuse_an_order_that_makes_no_sense) {
    EXPECT_FALSE(order_of(spec_of(R"(,"signals":["fault"],"labels":{"signal":"fault"})")));
    Json backwards = spec_of();
    set(backwards, "to", "2023-11-13T00:00:00Z");
    EXPECT_FALSE(order_of(backwards));
    const auto order = order_of(spec_of(R"(,"signals":["flow","gone"])"));
    ASSERT_TRUE(order);
    const auto content = assemble(csv_of({{0, "gw-1", "flow", "1"}}), *order, {});
    ASSERT_FALSE(content);
    EXPECT_NE(content.error().message.find("'gone'"), std::string::npos);
    EXPECT_EQ(sql_of(*order),
              "SELECT epoch_ns(time) AS t, device, signal, value, quality FROM \"pumps\" WHERE "
              "time >= make_timestamp_ns(1699920000000000000) AND time < "
              "make_timestamp_ns(1700006400000000000) AND text IS NULL AND signal IN ('flow', "
              "'gone') ORDER BY "
              "device, t, signal");
}

class Answering final : public QueryEngine {
 public:
    std::string csv;
    std::optional<Error> fails;
    bool truncated = false;
    int asked = 0;
    Task<QueryReply> query(QueryRequest request) override {
        ++asked;
        EXPECT_EQ(request.format, ResultFormat::csv);
        if (fails) co_return *fails;
        QueryReply reply;
        reply.body = csv;
        reply.truncated = truncated;
        co_return reply;
    }
};

struct World {
    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    files::RealFiles files;
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 1}};
    std::unique_ptr<registry::Registry> registry =
        registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"}).value();
    std::unique_ptr<blobs::Blobs> blobs =
        blobs::Blobs::open(files, workers, {.directory = folder.path() + "/blobs"}).value();
    std::unique_ptr<labels::LabelLog> labels =
        labels::LabelLog::open(files, *loop, workers, folder.path() + "/labels").value();
    Answering queries;
    std::unique_ptr<Datasets> datasets;

    World() {
        Resource product;
        product.kind = "DataProduct";
        product.name = "pumps";
        make(product);
        begin();
    }
    ~World() {
        end();
        ignore(wait(labels->stop()), "the test is over");
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    void begin() {
        datasets = std::make_unique<Datasets>(
            Datasets::Parts{*loop, *registry, queries, *blobs, *labels, workers, clock});
        ASSERT_TRUE(wait(datasets->start()));
    }
    void end() {
        if (datasets) ignore(wait(datasets->stop()), "the test is over");
        datasets.reset();
    }
    void make(Resource resource) {
        auto made = wait(registry->create(std::move(resource), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    void order(const std::string& name, Json spec) {
        Resource dataset;
        dataset.kind = "Dataset";
        dataset.name = name;
        dataset.spec = std::move(spec);
        make(dataset);
    }
    Resource settled(const std::string& name) {
        for (int turns = 0; turns < 100'000; ++turns) {
            auto dataset = wait(registry->get("Dataset", name));
            EXPECT_TRUE(dataset);
            if (!dataset || state_of(*dataset, dataset_table()) != "waiting") return *dataset;
            loop->turn(false);
        }
        ADD_FAILURE() << name << " was never settled";
        return {};
    }
};

TEST(Datasets, freeze_rows_and_answers_under_the_hash_of_their_bytes) {
    World world;
    world.queries.csv = csv_of({{0, "gw-1", "flow", "1"}, {1, "gw-1", "flow", "2"}});
    ASSERT_TRUE(world.wait(world.labels->append(answer(1, 1, true, 900))));
    world.clock.set_wall({start + 5000 * second});
    world.order("golden-1", spec_of(R"(,"description":"one")"));
    const Resource dataset = world.settled("golden-1");
    EXPECT_EQ(find_string(dataset.status, "state"), "frozen");
    EXPECT_EQ(find_integer(dataset.status, "rows"), 2);
    EXPECT_EQ(find_integer(dataset.status, "devices"), 1);
    EXPECT_EQ(find_integer(dataset.status, "anomalous_rows"), 1);
    EXPECT_NE(find_string(dataset.status, "sql")->find("FROM \"pumps\""), std::string::npos);
    const auto sha256 = find_string(dataset.status, "sha256").value_or("");
    const auto bytes = world.wait(world.blobs->read(sha256, 0, 1 << 20));
    ASSERT_TRUE(bytes);
    EXPECT_EQ(text_of(*bytes),
              "#millwright-dataset 1\ndevice,time,label,flow,flow:quality\n"
              "gw-1,1700000000000000000,,1,192\ngw-1,1700000001000000000,1,2,192\n");
    // The same rows under another name have the same hash; what was answered later does not count.
    ASSERT_TRUE(world.wait(world.labels->append(answer(0, 0, true, 9000))));
    world.order("golden-2", spec_of(R"(,"labels":{"as_of":"2023-11-14T23:36:40Z"})"));
    EXPECT_EQ(find_string(world.settled("golden-2").status, "sha256"), sha256);
    world.order("golden-3", spec_of());
    EXPECT_EQ(find_string(world.settled("golden-3").status, "sha256"), sha256);
    world.clock.set_wall({start + 9000 * second});
    world.order("golden-4", spec_of());
    EXPECT_NE(find_string(world.settled("golden-4").status, "sha256"), sha256);
}

TEST(Datasets, say_why_they_fail_and_try_again_when_the_order_is_changed) {
    World world;
    struct Case {
        const char *name, *says;
        void (*spoil)(World&);
    };
    const Case cases[] = {
        {"empty", "there are no rows", [](World& w) { w.queries.csv = csv_of({}); }},
        {"large", "more than 10000000 points", [](World& w) { w.queries.truncated = true; }},
        {"slow", "history is busy",
         [](World& w) {
             w.queries.fails = Error{Errc::timed_out, "history is busy"};
         }},
    };
    for (const auto& [name, says, spoil] : cases) {
        world.queries.csv = csv_of({{0, "gw-1", "flow", "1"}});
        world.queries.fails.reset();
        world.queries.truncated = false;
        spoil(world);
        world.order(name, spec_of());
        const Resource failed = world.settled(name);
        EXPECT_EQ(find_string(failed.status, "state"), "failed") << name;
        EXPECT_NE(find_string(failed.status, "reason")->find(says), std::string::npos) << name;
    }
    world.queries = {};
    world.queries.csv = csv_of({{0, "gw-1", "flow", "1"}});
    world.order("golden", spec_of());
    ASSERT_EQ(find_string(world.settled("golden").status, "state"), "frozen");
    Json golden = spec_of();
    set(golden, "purpose", "golden");
    world.order("unlabelled", golden);
    EXPECT_NE(find_string(world.settled("unlabelled").status, "reason")->find("known to be anom"),
              std::string::npos);
    const int asked = world.queries.asked;
    world.end();
    world.begin();  // a restart leaves failed ones alone
    for (int i = 0; i < 50; ++i) world.loop->turn(false);
    EXPECT_EQ(world.queries.asked, asked);
    auto failed = *world.wait(world.registry->get("Dataset", "empty"));
    set(failed.spec, "description", "again");
    ASSERT_TRUE(world.wait(world.registry->replace(failed, {"user:ann", "replace", ""})));
    for (int turns = 0; turns < 100'000; ++turns) {
        failed = *world.wait(world.registry->get("Dataset", "empty"));
        if (find_string(failed.status, "state") == "frozen") break;
        world.loop->turn(false);
    }
    EXPECT_EQ(find_string(failed.status, "state"), "frozen");
}

TEST(Datasets, keep_their_spec_once_they_are_frozen) {
    Resource stored;
    stored.name = "golden";
    stored.spec = spec_of();
    Resource wanted = stored;
    EXPECT_TRUE(admit(wanted, std::nullopt));
    set(wanted.spec, "description", "better");
    EXPECT_TRUE(admit(wanted, stored));
    stored.status = JsonObject{{"state", "frozen"}};
    EXPECT_EQ(admit(wanted, stored).error().code, Errc::conflict);
    EXPECT_TRUE(admit(stored, stored));
    set(wanted.spec, "to", "1970-01-01T00:00:00Z");
    EXPECT_EQ(admit(wanted, std::nullopt).error().code, Errc::invalid_input);
}

TEST(DatasetTable, stands_in_the_documents_and_every_row_can_be_walked) {
    const StateTable& table = dataset_table();
    EXPECT_NE(file("/docs/formats/state-machines.md").find(table.to_markdown()), std::string::npos)
        << table.to_markdown();
    for (const Transition& row : table.rows()) {
        Resource dataset;
        dataset.status = JsonObject{{"state", row.from}};
        const auto changes = advance(dataset, table, row.event, "because", {start});
        ASSERT_TRUE(changes) << row.from << " " << row.event;
        EXPECT_EQ(state_of(dataset, table), row.to);
    }
    EXPECT_TRUE(table.is_final("frozen"));
}

}  // namespace
}  // namespace mw::datasets
