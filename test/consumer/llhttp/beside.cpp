// The range program in a process that has an llhttp of its own (other_llhttp.c): the
// client uses dbnloop's, the program its own.
#define main RangeMain
#include "../cmake/range.cpp"
#undef main

extern "C" {
extern int other_llhttp_calls;
int llhttp_execute(...);
}

int main(int argc, char** argv) {
  const int code = RangeMain(argc, argv);
  if (other_llhttp_calls != 0) {
    std::fprintf(stderr, "beside: the client called the program's llhttp %d times\n",
                 other_llhttp_calls);
    return 3;
  }
  if (llhttp_execute() != 4711 || other_llhttp_calls != 1) {
    std::fprintf(stderr, "beside: the program's llhttp is not its own\n");
    return 4;
  }
  return code;
}
