#include "device/sources/program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/log.h"

namespace mw::sources {
namespace {

Json program_json(const std::string& text) {
    auto json = parse_json(text);
    EXPECT_TRUE(json) << text;
    return json.value();
}

// "signal unit value" per point, in the batch's order.
std::vector<std::string> said_points(const Batch& batch) {
    std::vector<std::string> points;
    for (const Run& run : batch.runs)
        for (auto i = run.begin; i < run.end; ++i) {
            const auto text = run.boxed ? batch.boxes.text(batch.values[i]) : std::nullopt;
            std::string value = text ? std::string(*text) : std::to_string(batch.values[i]);
            points.push_back(run.signal + " " + run.unit + " " + value);
        }
    return points;
}

std::optional<Batch> read_lines(LineReader& reader, const std::string& text) {
    reader.take(bytes_of(text));
    return reader.next(Timestamp{5}, 1'000);
}

LineReader reader_of(const std::string& text) {
    auto format = line_format(program_json(text));
    EXPECT_TRUE(format) << text << ": " << format.error().message;
    return LineReader(std::move(*format));
}

TEST(Lines, are_read_as_their_description_says) {
    const struct {
        const char* description;
        const char* text;
        std::vector<std::string> points;
        std::int64_t first_time;
    } rows[] = {
        {R"({"csv":{}})", "a;b\n1.5;2\n", {"a  1.500000", "b  2.000000"}, 5},
        {R"({"csv":{"names":["t","","p"],"time":"t","time_unit":"s","signals":{"p":"power"},"units":{"power":"W"}}})",
         "3,9,1.5\r\n",
         {"power W 1.500000"},
         3'000'000'000},
        {R"({"csv":{"names":["t","p"],"time":"t"}})",
         "2023-11-14T22:13:20Z\t1\n",
         {"p  1.000000"},
         1'700'000'000'000'000'000},
        {R"({"csv":{"names":["p","q"]}})", "1,\n,2\n", {"p  1.000000", "q  2.000000"}, 5},
        {R"({"csv":{"names":["state"]}})", "\"ready\"\n", {"state  ready"}, 5},
        {R"({"json":{"signal":"power","unit":"W"}})", "7\n", {"power W 7.000000"}, 5},
        {R"({"json":{"values":{"power":"/em/0"},"time":"/ts","time_unit":"ms"}})",
         "{\"em\":[4],\"ts\":2}\n",
         {"power  4.000000"},
         2'000'000},
        {R"({"json":{}})",
         R"({"signal":"flow","t":8,"v":3})"
         "\n",
         {"flow  3.000000"},
         8},
    };
    for (const auto& row : rows) {
        LineReader reader = reader_of(row.description);
        const auto batch = read_lines(reader, row.text);
        ASSERT_TRUE(batch) << row.description << reader.figures().refusal;
        EXPECT_EQ(said_points(*batch), row.points) << row.description;
        EXPECT_EQ(batch->times.front().ns, row.first_time) << row.description;
        EXPECT_EQ(reader.figures().refused, 0u);
    }
}

TEST(Lines, come_in_pieces_and_half_a_line_waits) {
    LineReader reader = reader_of(R"({"json":{"signal":"p"}})");
    EXPECT_FALSE(read_lines(reader, "1"));
    EXPECT_EQ(said_points(*read_lines(reader, "2\n3\n4")),
              (std::vector<std::string>{"p  12.000000", "p  3.000000"}));
    reader.begin();  // the 4 is of a program that has ended
    EXPECT_EQ(said_points(*read_lines(reader, "5\n")), std::vector<std::string>{"p  5.000000"});
}

TEST(Lines, that_come_together_have_times_that_differ) {
    LineReader reader = reader_of(R"({"json":{"signal":"p"}})");
    EXPECT_EQ(read_lines(reader, "1\n2\n")->times, (std::vector<Timestamp>{{5}, {6}}));
    EXPECT_EQ(read_lines(reader, "3\n")->times, std::vector<Timestamp>{{7}});
}

TEST(Lines, names_come_again_with_each_start) {
    LineReader reader = reader_of(R"({"csv":{}})");
    EXPECT_EQ(read_lines(reader, "a\n1\n")->runs[0].signal, "a");
    reader.begin();
    EXPECT_EQ(read_lines(reader, "b\n1\n")->runs[0].signal, "b");
}

TEST(Lines, that_cannot_be_read_are_refused_and_the_next_one_counts) {
    const struct {
        const char* description;
        const char* line;
        const char* why;
    } rows[] = {
        {R"({"json":{"signal":"p"}})", "warm", "bare number"},
        {R"({"json":{"values":{"p":"/p"}}})", "{", "not JSON"},
        {R"({"json":{}})", "MWPB", "MWPB"},
        {R"({"csv":{"names":["a","b"]}})", "1", "a line has 1 cells, there are 2 columns"},
        {R"({"csv":{"names":["t","b"],"time":"t"}})", "soon,1", "column 't'"},
        {R"({"csv":{"names":["t","b"],"time":"t","time_unit":"s"}})", "99999999999,1",
         "1970 to 2261"},
        {R"({"csv":{"time":"when"}})", "a,b", "no column 'when'"},
    };
    for (const auto& row : rows) {
        LineReader reader = reader_of(row.description);
        EXPECT_FALSE(read_lines(reader, std::string(row.line) + "\n")) << row.line;
        EXPECT_EQ(reader.figures().refused, 1u) << row.line;
        EXPECT_NE(reader.figures().refusal.find(row.why), std::string::npos)
            << reader.figures().refusal;
    }
}

TEST(Lines, longer_than_64_KiB_are_passed_over_whole) {
    LineReader reader = reader_of(R"({"json":{"signal":"p"}})");
    const std::string piece(40'000, '1');
    EXPECT_FALSE(read_lines(reader, piece));
    EXPECT_FALSE(read_lines(reader, piece));
    EXPECT_EQ(said_points(*read_lines(reader, piece + "\n2\n")),
              std::vector<std::string>{"p  2.000000"});
    EXPECT_EQ(reader.figures().too_long, 1u);
    EXPECT_EQ(reader.figures().refused, 1u);
}

TEST(Lines, become_batches_that_the_hub_takes) {
    LineReader reader = reader_of(R"({"json":{"signal":"p"}})");
    std::string text;
    for (int i = 0; i < 5'000; ++i) text += std::to_string(i) + "\n";
    reader.take(bytes_of(text));
    std::vector<double> values;
    while (const auto batch = reader.next(Timestamp{5}, 10'000)) {
        EXPECT_LE(batch->size(), 2'048u);
        values.insert(values.end(), batch->values.begin(), batch->values.end());
    }
    ASSERT_EQ(values.size(), 5'000u);
    EXPECT_EQ(values.back(), 4'999);
}

TEST(ProgramOptions, say_what_is_wrong_with_a_description) {
    const struct {
        const char* description;
        const char* why;
    } rows[] = {
        {R"({"type":"exec","csv":{}})", "command: want a list"},
        {R"({"type":"exec","command":"ls","csv":{}})", "command: want a list"},
        {R"({"type":"exec","command":["ls"],"csv":{}})", "absolute path"},
        {R"({"type":"exec","command":["/bin/ls"]})", "either csv or json"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{},"json":{}})", "either csv or json"},
        {R"({"type":"exec","command":["/bin/ls"],"shell":true,"csv":{}})", "unknown key 'shell'"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{},"every":"1ms"})", "every"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{},"lines_per_second":0})",
         "lines_per_second"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{},"environment":["X"]})", "NAME=value"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{"name":["a"]}})", "unknown key 'name'"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{"names":["a"],"time":"t"}})", "csv.time"},
        {R"({"type":"exec","command":["/bin/ls"],"csv":{"time_unit":"h"}})", "csv.time_unit"},
        {R"({"type":"exec","command":["/bin/ls"],"json":{"filter":"a"}})",
         "json: unknown key 'filter'"},
        {R"({"type":"exec","command":["/bin/ls"],"json":{"values":{"a":"x"}}})", "json.values.a"},
    };
    for (const auto& row : rows) {
        auto options = exec_options(program_json(row.description));
        ASSERT_FALSE(options) << row.description;
        EXPECT_NE(options.error().message.find(row.why), std::string::npos)
            << options.error().message;
    }
    EXPECT_NE(stdin_options(program_json(R"({"type":"stdin","command":["/bin/ls"],"csv":{}})"))
                  .error()
                  .message.find("unknown key"),
              std::string::npos);
}

class LineSink final : public SourceSink {
 public:
    Task<> accept(Batch& batch, Bytes) override {
        for (auto& point : said_points(batch)) points.push_back(std::move(point));
        stream = batch.position.stream;
        co_return Result<>{};
    }
    Task<> durable() override { co_return Result<>{}; }
    std::vector<std::string> points;
    std::string stream;
};

class Programs : public testing::Test {
 protected:
    Programs() : loop_(*Loop::open()), scope_(std::make_unique<Scope>(*loop_)) {
        char path[] = "/tmp/mw-programs-XXXXXX";
        folder_ = ::mkdtemp(path);
        list_ = folder_ + "/exec.allow";
    }
    ~Programs() override {
        scope_.reset();
        for (const char* each : {"/exec.allow", "/mark"}) ::unlink((folder_ + each).c_str());
        ::rmdir(folder_.c_str());
    }
    void allow(const std::string& text, mode_t mode = 0600) {
        std::ofstream(list_) << text;
        ::chmod(list_.c_str(), mode);
    }
    Result<std::unique_ptr<Source>> make(const std::string& more) {
        return make_source(program_json(R"({"type":"exec",)" + more + "}"),
                           {DeviceId{"gw-1"}, "meter", &clock_, list_});
    }
    Source& start(const std::string& more) {
        auto made = make(more);
        EXPECT_TRUE(made) << made.error().message;
        source_ = std::move(*made);
        scope_->spawn(source_->run(sink_, {}));
        return *source_;
    }
    template <class Condition>
    void turn_until(Condition condition) {
        while (!condition()) loop_->turn(true);
    }

    log::Capture quiet_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_;
    LineSink sink_;
    std::string folder_, list_;
    std::unique_ptr<Source> source_;
    std::unique_ptr<Scope> scope_;
};

constexpr const char* two_lines =
    R"("command":["/bin/sh","-c","echo 1; echo 2; exec sleep 1000"],"json":{"signal":"p"})";

TEST_F(Programs, run_only_when_the_gateway_itself_allows_it) {
    EXPECT_EQ(make(two_lines).error().code, Errc::denied);
    allow("# ours\n/bin/shell\n/usr/bin/sh\n");
    EXPECT_EQ(make(two_lines).error().code, Errc::denied);
    allow("/bin/sh   # the meter\n", 0622);
    EXPECT_NE(make(two_lines).error().message.find("nobody but root"), std::string::npos);
    allow("/bin/sh   # the meter\n");
    EXPECT_TRUE(make(two_lines));
}

TEST_F(Programs, say_points_while_they_run) {
    allow("/bin/sh\n");
    Source& source = start(two_lines);
    EXPECT_EQ(source.status().state, "starting");
    turn_until([&] { return sink_.points.size() == 2; });
    EXPECT_EQ(sink_.points[1], "p  2.000000");
    EXPECT_EQ(sink_.stream, "meter");
    EXPECT_EQ(source.status().state, "running");
    EXPECT_EQ(source.status().points, 2u);
    EXPECT_EQ(source.status().starts, 1u);
}

TEST_F(Programs, start_again_when_they_end_well) {
    allow("/bin/echo\n");
    start(R"("command":["/bin/echo","4"],"every":"100ms","json":{"signal":"p"})");
    turn_until([&] { return sink_.points.size() == 2; });
    EXPECT_EQ(source_->status().refused, 0u);
    EXPECT_GE(source_->status().starts, 2u);
}

TEST_F(Programs, that_fail_say_why_and_are_tried_again) {
    allow("/bin/sh\n");
    start(R"("command":["/bin/sh","-c","echo no meter >&2; exit 3"],"json":{"signal":"p"})");
    turn_until([&] { return source_->status().refused > 0; });
    EXPECT_EQ(source_->status().state, "starting");
    EXPECT_EQ(source_->status().refusal, "'/bin/sh' ended with code 3: no meter");
    turn_until([&] { return source_->status().starts == 2; });
}

TEST_F(Programs, that_are_not_there_say_so) {
    allow("/no/such/program\n");
    start(R"("command":["/no/such/program"],"csv":{})");
    turn_until([&] { return source_->status().refused > 0; });
    EXPECT_NE(source_->status().refusal.find("/no/such/program"), std::string::npos);
}

TEST_F(Programs, wait_when_they_say_more_than_they_may) {
    allow("/bin/sh\n");
    start(
        R"("command":["/bin/sh","-c","for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; done; exec sleep 1000"],)"
        R"("json":{"signal":"p"},"lines_per_second":10)");
    turn_until([&] { return sink_.points.size() == 12; });
    EXPECT_GT(source_->status().held_back, milliseconds{50});
}

TEST_F(Programs, do_not_outlive_their_source) {
    allow("/bin/sh\n");
    start(R"("command":["/bin/sh","-c","echo $$; exec sleep 1000"],"json":{"signal":"p"})");
    turn_until([&] { return !sink_.points.empty(); });
    const auto id = static_cast<pid_t>(std::stod(sink_.points[0].substr(3)));
    EXPECT_EQ(::kill(id, 0), 0);
    scope_->cancel();
    ASSERT_TRUE(sync_wait(*loop_, scope_->join()));
    EXPECT_EQ(::kill(id, 0), -1);
}

}  // namespace
}  // namespace mw::sources
