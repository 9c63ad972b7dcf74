/* The same work as the vault's, without Python: CKM_AES_CMAC over 22 bytes, in a loop.
 * token MODULE PIN COUNT -> keys a second, by an AES-128 session key. Declarations: OASIS PKCS #11 v2.40, only what is called. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long word;
typedef struct { word type; void *value; word length; } attribute;
typedef struct { word mechanism; void *parameter; word length; } mechanism;

static void *library;
static word call(const char *name, word a, word b, word c, word d, word e) {
    word (*function)(word, word, word, word, word) = (word (*)(word, word, word, word, word)) dlsym(library, name);
    return function ? function(a, b, c, d, e) : 1;
}

int main(int argc, char **argv) {
    word slots[16], count = 16, session = 0, key = 0, class = 4, type = 0x1F, length = 16; /* CKO_SECRET_KEY, CKK_AES */
    unsigned char yes = 1, no = 0;
    attribute wanted[] = {{0, &class, sizeof class}, {0x100, &type, sizeof type}, {0x161, &length, sizeof length}, /* CKA_VALUE_LEN */
                          {1, &no, 1}, {0x108, &yes, 1}}; /* CKA_TOKEN, CKA_SIGN */
    mechanism generate = {0x1080, 0, 0}, cmac = {0x108A, 0, 0}; /* CKM_AES_KEY_GEN, CKM_AES_CMAC */
    if (argc != 4 || !(library = dlopen(argv[1], RTLD_NOW)) || call("C_Initialize", 0, 0, 0, 0, 0)) return 3;
    if (call("C_GetSlotList", 1, (word) slots, (word) &count, 0, 0)) return 3;
    for (word i = 0; i < count && !key; i++) {
        if (call("C_OpenSession", slots[i], 4, 0, 0, (word) &session)) continue; /* CKF_SERIAL_SESSION */
        if (call("C_Login", session, 1, (word) argv[2], strlen(argv[2]), 0)) continue; /* CKU_USER */
        if (call("C_GenerateKey", session, (word) &generate, (word) wanted, 5, (word) &key)) return 3;
    }
    if (!key) return 3;

    word (*init)(word, mechanism *, word) = (word (*)(word, mechanism *, word)) dlsym(library, "C_SignInit");
    word (*sign)(word, unsigned char *, word, unsigned char *, word *) =
        (word (*)(word, unsigned char *, word, unsigned char *, word *)) dlsym(library, "C_Sign");
    unsigned char data[22] = {1}, made[16];
    struct timespec began, ended;
    long rounds = atol(argv[3]);
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (long i = 0; i < rounds; i++) {
        length = sizeof made;
        memcpy(data + 1, &i, sizeof i);
        if (init(session, &cmac, key) || sign(session, data, sizeof data, made, &length)) return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%.0f\n", rounds / ((ended.tv_sec - began.tv_sec) + (ended.tv_nsec - began.tv_nsec) / 1e9));
    return 0;
}
