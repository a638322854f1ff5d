"""A chat page over a served agent, by Gradio.

pip install gradio openai
python examples/chat_ui/page.py [http://127.0.0.1:8000/v1] [clerk]
"""

import os
import sys

import gradio


def main(address: str = "http://127.0.0.1:8000/v1", model: str = "clerk") -> None:
    """Show the page until Ctrl-C.

    Args:
        address: where the agent is served.
        model: the name of the agent.
    """
    key = os.environ.get("LIGHTAGENT_KEY", "none")
    # By itself it has no button that stops an answer, and gives one answer at a time.
    field = gradio.MultimodalTextbox(file_types=["image"], stop_btn=True, show_label=False)
    gradio.load_chat(
        address, model=model, token=key, file_types="image", textbox=field, concurrency_limit=None, title=model
    ).launch(show_error=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
