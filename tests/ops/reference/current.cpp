#include "current.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace dlb::testing {

namespace {

// Fixed memory: a handler of a crash must not allocate.
char current_case[160];
char current_check[160];

void set(char (&target)[160], std::string_view text) {
  const size_t n = text.size() < sizeof target - 1 ? text.size() : sizeof target - 1;
  std::memcpy(target, text.data(), n);
  target[n] = 0;
}

void say(const char* text) { static_cast<void>(!write(2, text, std::strlen(text))); }

void on_crash(int number) {
  say("crashed in ");
  say(current_case);
  say(": ");
  say(current_check);
  say("\n");
  std::signal(number, SIG_DFL);
  std::raise(number);
}

}  // namespace

void set_current_case(std::string_view variant, std::string_view id) {
  char text[160];
  std::snprintf(text, sizeof text, "%.*s, case %.*s", static_cast<int>(variant.size()), variant.data(),
                static_cast<int>(id.size()), id.data());
  set(current_case, text);
}
void set_current_check(std::string_view what) { set(current_check, what); }

void install_crash_message() {
  for (const int number : {SIGSEGV, SIGFPE, SIGABRT, SIGBUS}) std::signal(number, on_crash);
}

}  // namespace dlb::testing
