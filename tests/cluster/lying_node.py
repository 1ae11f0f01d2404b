"""The member that lies in the story, as the tests start it: `python -m tests.cluster.lying_node node run …`."""

from deploy.story.lying_node import lie

if __name__ == "__main__":
    lie()
