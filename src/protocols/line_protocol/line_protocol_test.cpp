#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/random.h"
#include "protocols/line_protocol/line_protocol.h"

namespace mw::line_protocol {
namespace {

constexpr Timestamp now{1'700'000'000'000'000'000};

// "device signal time value quality", a line each.
std::string shown(const Parsed& parsed) {
    std::string text;
    for (std::size_t d = 0; d < parsed.devices; ++d) {
        const Batch& batch = parsed.batches[d];
        for (const Run& run : batch.runs)
            for (auto i = run.begin; i < run.end; ++i) {
                char value[40];
                std::snprintf(value, sizeof value, "%.17g", batch.values[i]);
                std::string said = value;
                if (run.boxed && batch.boxes.text(batch.values[i]))
                    said = "'" + std::string(*batch.boxes.text(batch.values[i])) + "'";
                if (run.boxed && batch.boxes.integer(batch.values[i]))
                    said = std::to_string(*batch.boxes.integer(batch.values[i])) + "i";
                text += batch.device.text + " " + run.signal + " " +
                        std::to_string(batch.times[i].ns) + " " + said + " " +
                        std::to_string(batch.quality[i].code) + "\n";
            }
    }
    return text;
}

Parsed parse(std::string_view text, Context context = {1, now, "gw-1"}, Naming naming = {}) {
    Parser parser(std::move(naming));
    Parsed parsed;
    parser.parse(text, context, parsed);
    return parsed;
}

TEST(LineProtocol, lines_become_points) {
    const struct {
        const char* line;
        const char* points;
    } rows[] = {
        {"pump p=1.5 7", "gw-1 pump.p 7 1.5 192\n"},
        {"pump p=1.5", "gw-1 pump.p 1700000000000000000 1.5 192\n"},
        {"pump,host=a p=1 1", "a pump.p 1 1 192\n"},
        {"pump,device=a p=1 1\n", "a pump.p 1 1 192\n"},
        {"pump,device=sda,host=a p=1 1", "a pump.p,device=sda 1 1 192\n"},
        {"pump,device=sda,host=a,mw_device=m p=1 1", "m pump.p,device=sda,host=a 1 1 192\n"},
        {"pump,z=1,a=2 p=1 1", "gw-1 pump.p,a=2,z=1 1 1 192\n"},
        {"pump p=1,q=-2.25,r=3i,s=4u 1",
         "gw-1 pump.p 1 1 192\ngw-1 pump.q 1 -2.25 192\ngw-1 pump.r 1 3 192\n"
         "gw-1 pump.s 1 4 192\n"},
        {"pump a=t,b=F,c=true,d=False,e=TRUE 1",
         "gw-1 pump.a 1 1 192\ngw-1 pump.b 1 0 192\ngw-1 pump.c 1 1 192\ngw-1 pump.d 1 0 192\n"
         "gw-1 pump.e 1 1 192\n"},
        {"pu\\ mp,r\\,oom=a\\=b p\\ q=1 1", "gw-1 pu mp.p q,r,oom=a=b 1 1 192\n"},
        {"# a comment\n\n  \npump p=1 1\r\npump p=2 2\r\n",
         "gw-1 pump.p 1 1 192\ngw-1 pump.p 2 2 192\n"},
        {"pump p=1e3,q=+2.5,r=1.,s=.5,t=-0.0 1",
         "gw-1 pump.p 1 1000 192\ngw-1 pump.q 1 2.5 192\ngw-1 pump.r 1 1 192\n"
         "gw-1 pump.s 1 0.5 192\ngw-1 pump.t 1 -0 192\n"},
        // Integers are exact; of those beyond 63 bits the nearest double is stored and marked.
        {"pump p=9007199254740993i,q=9007199254740992i,r=9223372036854775807u 1",
         "gw-1 pump.p 1 9007199254740993i 192\ngw-1 pump.q 1 9007199254740992 192\n"
         "gw-1 pump.r 1 9223372036854775807i 192\n"},
        {"pump p=18446744073709551615u 1", "gw-1 pump.p 1 1.8446744073709552e+19 71\n"},
        // Points of one signal are together, in the order of the text.
        {"a p=1,q=2 1\nb,host=x p=9 1\na p=3,q=4 2\n",
         "gw-1 a.p 1 1 192\ngw-1 a.p 2 3 192\ngw-1 a.q 1 2 192\ngw-1 a.q 2 4 192\nx b.p 1 9 192\n"},
    };
    for (const auto& row : rows) {
        const Parsed parsed = parse(row.line);
        EXPECT_EQ(shown(parsed), row.points) << row.line;
        EXPECT_TRUE(parsed.errors.empty()) << row.line << ": " << parsed.errors[0].message;
        EXPECT_EQ(parsed.refused, 0U);
    }
}

TEST(LineProtocol, what_is_wrong_is_told_with_line_and_column_and_the_rest_is_kept) {
    const struct {
        const char* bad;
        std::size_t column;
        const char* says;
    } rows[] = {
        {"pump", 1, "no fields"},
        {"pump ", 6, "key=value"},
        {",a=b p=1 1", 1, "begins with its measurement"},
        {"pump,a p=1 1", 6, "key=value"},
        {"pump,a= p=1 1", 6, "key=value"},
        {"pump,a=1,a=2 p=1 1", 10, "is there twice"},
        {"pump =1 1", 6, "needs a name"},
        {"pump p 1", 6, "key=value"},
        {"pump p= 1", 8, "the value is missing"},
        {"pump p=", 8, "the value is missing"},
        {"pump p=1,", 10, "key=value"},
        {"pump p=one 1", 8, "true or false"},
        {"pump p=nan 1", 8, "true or false"},
        {"pump p=-inf 1", 8, "whole number"},
        {"pump p=1.5.5 1", 8, "want a number"},
        {"pump p=0x10 1", 8, "want a number"},
        {"pump p=1e999 1", 8, "does not fit"},
        {"pump p=9223372036854775808i 1", 8, "64 bits"},
        {"pump p=-1u 1", 8, "2^64-1"},
        {"pump p=1.5i 1", 8, "want a number"},
        {"pump p=\"open 1", 8, "no closing quote"},
        {"pump p=1 soon", 10, "timestamp"},
        {"pump p=1 1 2", 12, "end of the line"},
        {"pump p=1 99999999999999999999", 10, "1970 to 2261"},
        {"pump p=1 -5", 10, "1970 to 2261"},
        {"pump p\\\\q=1 1", 6, "backslash"},
        {"pump,host=\"a\" p=1 1", 6, "quote"},
    };
    for (const auto& row : rows) {
        const Parsed parsed = parse(std::string("ok p=1 1\n") + row.bad + "\nok p=2 2");
        ASSERT_EQ(parsed.errors.size(), 1U) << row.bad;
        EXPECT_EQ(parsed.errors[0].line, 2U) << row.bad;
        EXPECT_EQ(parsed.errors[0].column, row.column)
            << row.bad << ": " << parsed.errors[0].message;
        EXPECT_NE(parsed.errors[0].message.find(row.says), std::string::npos)
            << row.bad << ": " << parsed.errors[0].message;
        EXPECT_EQ(shown(parsed), "gw-1 ok.p 1 1 192\ngw-1 ok.p 2 2 192\n") << row.bad;
    }
}

TEST(LineProtocol, text_fields_are_points) {
    const Parsed parsed =
        parse("sys up=\"1 day, \\\"x\\\" \\\\ \\n\ny\",load=0.5 9\nsys up=\"\" 10\nsys load=1 x");
    EXPECT_EQ(shown(parsed),
              "gw-1 sys.up 9 '1 day, \"x\" \\ \\n\ny' 192\ngw-1 sys.up 10 '' 192\n"
              "gw-1 sys.load 9 0.5 192\n");
    ASSERT_EQ(parsed.errors.size(), 1U);
    EXPECT_EQ(parsed.errors[0].line, 4U);
}

TEST(LineProtocol, a_text_that_can_t_be_stored_is_told_about_and_the_other_fields_stay) {
    const std::string longest(text_value_bytes_max, 'x');
    const Parsed parsed =
        parse("sys a=\"" + longest + "\",b=\"" + longest + "y\",c=\"\xff\",load=0.5 9\n");
    EXPECT_EQ(shown(parsed), "gw-1 sys.a 9 '" + longest + "' 192\ngw-1 sys.load 9 0.5 192\n");
    ASSERT_EQ(parsed.errors.size(), 2U);
    EXPECT_NE(parsed.errors[0].message.find("a text of 1025 bytes"), std::string::npos);
    EXPECT_NE(parsed.errors[1].message.find("not UTF-8"), std::string::npos);
}

TEST(LineProtocol, texts_of_several_devices_are_sorted_to_them) {
    const Parsed parsed =
        parse("m,host=a s=\"on\" 1\nm,host=b s=\"off\" 1\nm,host=a s=\"off\" 2\n");
    EXPECT_EQ(shown(parsed), "a m.s 1 'on' 192\na m.s 2 'off' 192\nb m.s 1 'off' 192\n");
    EXPECT_EQ(parsed.batches[1].boxes.texts(), 1U);
}

TEST(LineProtocol, a_series_has_the_type_of_its_values_and_another_type_is_another_form) {
    Parser parser;
    Parsed parsed;
    const auto type_of = [&](const char* line) {
        parser.parse(line, {1, now, "gw-1"}, parsed);
        return parsed.batches[0].runs[0].type;
    };
    EXPECT_EQ(type_of("m a=1i 1"), ValueType::integer);
    const auto form = parsed.batches[0].form;
    EXPECT_EQ(type_of("m a=2i 2"), ValueType::integer);
    EXPECT_EQ(parsed.batches[0].form, form);
    EXPECT_EQ(type_of("m a=2.5 3"), ValueType::number);
    EXPECT_NE(parsed.batches[0].form, form);
    EXPECT_EQ(type_of("m b=true 1"), ValueType::boolean);
    EXPECT_EQ(type_of("m c=\"x\" 1"), ValueType::text);
    EXPECT_TRUE(parsed.batches[0].runs[0].boxed);
    EXPECT_EQ(type_of("m c=1 1"), ValueType::mixed);
    EXPECT_FALSE(parsed.batches[0].runs[0].boxed);
}

TEST(LineProtocol, precision_scales_the_timestamp) {
    const struct {
        const char* name;
        std::int64_t ns;
    } rows[] = {{"", 1}, {"ns", 1}, {"u", 1000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};
    for (const auto& row : rows) {
        const auto unit = precision_ns(row.name);
        ASSERT_TRUE(unit);
        const Parsed parsed = parse("a b=1 3", {*unit, now, "d"});
        EXPECT_EQ(shown(parsed), "d a.b " + std::to_string(3 * row.ns) + " 1 192\n");
    }
    EXPECT_FALSE(precision_ns("sec"));
    EXPECT_EQ(parse("a b=1 9300000000", {1'000'000'000, now, "d"}).errors.size(), 1U);
}

TEST(LineProtocol, the_form_of_a_signal_and_the_tag_of_a_device_are_configured) {
    EXPECT_EQ(shown(parse("a,line=7,x=1 b=1 3", {}, {{"line"}, SignalForm::field})),
              "7 b,x=1 3 1 192\n");
    EXPECT_EQ(shown(parse("a,line=7 b=1 3", {}, {{"line"}, SignalForm::underscore})),
              "7 a_b 3 1 192\n");
    const Parsed nobody = parse("a b=1 3", {1, now, ""}, {{"line", "host"}, SignalForm::dot});
    ASSERT_EQ(nobody.errors.size(), 1U);
    EXPECT_NE(nobody.errors[0].message.find("line, host"), std::string::npos);
}

TEST(LineProtocol, a_remembered_line_without_device_follows_the_request) {
    Parser parser;
    Parsed parsed;
    for (const char* device : {"a", "b", "a"}) {
        parser.parse("m x=1,y=2 1\nm x=3,y=4 2\n", {1, now, device}, parsed);
        ASSERT_EQ(parsed.devices, 1U);
        EXPECT_EQ(parsed.batches[0].device.text, device);
        EXPECT_EQ(parsed.points, 4U);
    }
    EXPECT_EQ(parser.series(), 4U);
}

// As Telegraf 1.x writes them: sorted tags, whole numbers with `i`, texts, host on each line.
TEST(LineProtocol, telegraf_lines_are_understood) {
    const Parsed parsed = parse(
        "cpu,cpu=cpu-total,host=edge-7 usage_user=1.2024048096199995,usage_idle=98.4969939879831 "
        "1700000000000000000\n"
        "disk,device=sda1,fstype=ext4,host=edge-7,mode=rw,path=/var/lib/my\\ app "
        "total=20956397568i,used_percent=31.48 1700000000000000000\n"
        "system,host=edge-7 load1=0.03,n_cpus=2i 1700000000000000000\n"
        "system,host=edge-7 uptime=4391i,uptime_format=\" 1:13\" 1700000000000000000\n"
        "net_response,host=edge-7,port=80,protocol=tcp,result=success,server=localhost "
        "result_code=0i,result_type=\"success\",success=true 1700000000000000000\n",
        {1, now, ""});
    EXPECT_EQ(parsed.devices, 1U);
    EXPECT_EQ(parsed.points, 11U);
    EXPECT_TRUE(parsed.errors.empty());
    const std::string text = shown(parsed);
    for (const char* line :
         {"edge-7 cpu.usage_user,cpu=cpu-total 1700000000000000000 1.2024048096199995 192\n",
          "edge-7 disk.total,device=sda1,fstype=ext4,mode=rw,path=/var/lib/my app "
          "1700000000000000000 20956397568 192\n",
          "edge-7 system.uptime 1700000000000000000 4391 192\n",
          "edge-7 system.uptime_format 1700000000000000000 ' 1:13' 192\n",
          "edge-7 net_response.success,port=80,protocol=tcp,result=success,server=localhost "
          "1700000000000000000 1 192\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

TEST(LineProtocol, doubles_are_the_nearest_to_the_text) {
    SeededRandom random(11);
    Parser parser;
    Parsed parsed;
    for (int i = 0; i < 20'000; ++i) {
        const double wanted = i % 2
                                  ? random.normal() * std::pow(10.0, double(random.below(30)) - 15)
                                  : double(random.below(1'000'000)) / 100;
        char text[64];
        std::snprintf(text, sizeof text, i % 3 ? "a b=%.17g 1" : "a b=%.6f 1", wanted);
        const double nearest = std::strtod(text + 4, nullptr);
        parser.parse(text, {1, now, "d"}, parsed);
        ASSERT_EQ(parsed.points, 1U) << text;
        ASSERT_EQ(std::bit_cast<std::uint64_t>(parsed.batches[0].values[0]),
                  std::bit_cast<std::uint64_t>(nearest))
            << text << " seed 11";
    }
}

TEST(LineProtocol, a_long_text_is_parsed_piece_by_piece) {
    std::string text;
    for (int i = 0; i < 100; ++i)
        text += "m a=" + std::to_string(i) + ",b=2 " + std::to_string(i) + "\n";
    text += "bad";
    Limits limits;
    limits.points = 30;
    Parser parser({}, limits);
    Parsed parsed;
    Context context{1, now, "d"};
    std::size_t points = 0, pieces = 0;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(parsed.consumed)) {
        parser.parse(rest, context, parsed);
        points += parsed.points;
        context.lines_before = parsed.last_line;
        ASSERT_LE(++pieces, 7U);
    }
    EXPECT_EQ(points, 200U);
    EXPECT_EQ(pieces, 7U);
    ASSERT_EQ(parsed.errors.size(), 1U);
    EXPECT_EQ(parsed.errors[0].line, 101U);
}

TEST(LineProtocol, limits_hold) {
    Limits limits;
    limits.line_bytes = 40;
    limits.fields = 3;
    limits.errors = 2;
    limits.series = 4;
    Parser parser({}, limits);
    Parsed parsed;
    const Context context{1, now, "d"};
    parser.parse("m a=1,b=1,c=1,d=1 1\nm a=1 1\nm,t=123456789012345678901234567890 a=1 1\nx\ny\n",
                 context, parsed);
    EXPECT_EQ(parsed.points, 1U);
    EXPECT_EQ(parsed.refused, 4U);
    ASSERT_EQ(parsed.errors.size(), 2U);
    EXPECT_NE(parsed.errors[0].message.find("more than 3 fields"), std::string::npos);
    EXPECT_NE(parsed.errors[1].message.find("longer than 40"), std::string::npos);
    for (int i = 0; i < 50; ++i) {
        parser.parse("m" + std::to_string(i) + " a=1 1\n", context, parsed);
        EXPECT_EQ(parsed.points, 1U);
        EXPECT_LE(parser.series(), 6U);
    }
}

}  // namespace
}  // namespace mw::line_protocol
