/* Does nothing: what fork-exec starts. */
int main(void) { return 7; }
