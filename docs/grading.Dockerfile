# Runs hand-ins that nobody has read: "Assignments and grading" in TEACHING.md.
#     docker build --file docs/grading.Dockerfile --tag aslp-grading .
FROM python:3.13-slim
WORKDIR /aslp
COPY pyproject.toml README.md LICENSE LICENSE-data ./
COPY aslp_lib aslp_lib
RUN pip install --no-cache-dir ".[course,teach]"
# A container runs as the user who starts it, who has no home folder in it.
ENV HOME=/tmp OMP_NUM_THREADS=1
WORKDIR /grading
