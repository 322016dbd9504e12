/* The range program in C, as beside.cpp is in C++: the shared library uses its own
 * llhttp though the program exports the names of another. */
#define main range_main
#include "../pkgconfig/range.c"
#undef main

extern int other_llhttp_calls;
int llhttp_execute(void);

int main(int argc, char** argv) {
  const int code = range_main(argc, argv);
  if (other_llhttp_calls != 0) {
    fprintf(stderr, "beside: the client called the program's llhttp %d times\n",
            other_llhttp_calls);
    return 3;
  }
  if (llhttp_execute() != 4711 || other_llhttp_calls != 1) {
    fprintf(stderr, "beside: the program's llhttp is not its own\n");
    return 4;
  }
  return code;
}
