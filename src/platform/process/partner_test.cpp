#include "platform/process/partner.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace mw::process {
namespace {

// A shell answers on descriptor 3.
std::unique_ptr<Partner> shell_partner(std::string script, const SharedBytes* shared = nullptr) {
    PartnerCommand command;
    command.arguments = {"/bin/sh", "-c", std::move(script)};
    command.shared = shared;
    auto partner = Partner::start(command);
    EXPECT_TRUE(partner.ok()) << partner.error().message;
    return *std::move(partner);
}

std::string heard(Partner& partner) {
    Bytes buffer(packet_max);
    const auto size = partner.hear(buffer, seconds{20});
    return size ? std::string(buffer.begin(), buffer.begin() + static_cast<long>(*size))
                : "error: " + size.error().message;
}

TEST(Partner, answers_packets_with_packets) {
    const auto partner = shell_partner("cat <&3 >&3");
    for (const std::string word : {"one", "and another"}) {
        ASSERT_TRUE(partner->tell(bytes_of(word)).ok());
        EXPECT_EQ(heard(*partner), word);
    }
    const std::string large(packet_max, 'x');
    EXPECT_TRUE(partner->tell(bytes_of(large)).ok());
    const auto too_large = partner->tell(bytes_of(large + "x"));
    ASSERT_FALSE(too_large.ok());
    EXPECT_EQ(too_large.error().message, "a packet of 196609 bytes, at most 196608");
}

TEST(Partner, finds_the_shared_bytes_again_in_every_life) {
    const auto shared = SharedBytes::of(bytes_of("the model")).value();
    for (int life = 0; life < 2; ++life)
        EXPECT_EQ(heard(*shell_partner("cat /proc/self/fd/4 >&3", &shared)), "the model");
}

TEST(Partner, gets_nothing_else_of_ours) {
    ::setenv("MW_SECRET", "x", 1);
    // 4 is the folder that is being listed.
    EXPECT_EQ(heard(*shell_partner("exec ls /proc/self/fd >&3")), "0\n1\n2\n3\n4\n");
    EXPECT_EQ(heard(*shell_partner("echo \"[$MW_SECRET]\" >&3")), "[]\n");
}

TEST(Partner, that_ends_says_how) {
    EXPECT_EQ(heard(*shell_partner("exit 7")), "error: its process ended with code 7");
    const auto partner = shell_partner("kill -ABRT $$");
    EXPECT_EQ(heard(*partner), "error: its process was ended by signal 6");
    EXPECT_EQ(heard(*partner), "error: its process has ended");
    EXPECT_FALSE(partner->tell(bytes_of("hello")).ok());
}

TEST(Partner, that_has_ended_when_it_is_told_something_says_how) {
    const auto partner = shell_partner("kill -ABRT $$");
    Result<> told;
    while (told) told = partner->tell(bytes_of("hello"));
    EXPECT_EQ(told.error().message, "its process was ended by signal 6");
}

TEST(Partner, that_says_nothing_is_waited_for_as_long_as_was_said) {
    const auto partner = shell_partner("sleep 600");
    Bytes buffer(64);
    const auto nothing = partner->hear(buffer, milliseconds{5});
    ASSERT_FALSE(nothing.ok());
    EXPECT_EQ(nothing.error().code, Errc::timed_out);
    EXPECT_EQ(nothing.error().message, "no answer within 5ms");
}

TEST(Partner, does_not_outlive_its_owner) {
    int id = 0;
    {
        const auto partner = shell_partner("sleep 600");
        id = partner->id();
        EXPECT_EQ(::kill(id, 0), 0);
    }
    EXPECT_NE(::kill(id, 0), 0);
}

TEST(Partner, needs_a_program_that_is_there) {
    if (std::getenv("MILLWRIGHT_EMULATED")) GTEST_SKIP() << "qemu's vfork() is a fork()";
    PartnerCommand command;
    command.arguments = {"/nonexistent/program"};
    const auto none = Partner::start(command);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code, Errc::not_found);
    EXPECT_FALSE(begin_as_partner().ok());  // nobody started us so
}

}  // namespace
}  // namespace mw::process
