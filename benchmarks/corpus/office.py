"""A small catalogue of tools and what users ask of them, for a measurement without files.

None of the sentences was used to choose a weight; they show that a measurement works, and are too few for more.
"""

from typing import Final, NamedTuple


class Asked(NamedTuple):
    """What a user asks, and the tools that are needed for it."""

    query: str
    tools: tuple[str, ...]


TOOLS: Final = """
get_weather_forecast|Forecast temperature, rain and wind of a place for the coming days.|place,days
getCurrentTime|Tell the local time of a city or time zone.|timezone
convert_currency|Convert an amount of money from one currency into another at today's rate.|amount,source,target
searchFlights|Find flights between two airports on a date.|origin,destination,departure_date
book_hotel_room|Reserve a room in a hotel for some nights.|hotel,check_in,nights
rent_car|Hire a car at a pick-up location.|pickup,days
calendar_create_event|Put an appointment into the calendar.|title,start,attendees
calendar_list_events|Show the appointments of a day.|date
send_email|Write and send a mail to somebody.|to,subject,body
search_inbox|Look for messages in the mailbox.|text,sender
create_invoice|Bill a customer for goods or services.|customer,items
refund_payment|Pay money back to a customer.|payment_id,amount
get_order_status|Tell where a parcel or order is.|order_id
cancel_subscription|End the contract of a subscriber.|subscription_id
translate_text|Translate a text into another language.|text,language
summarize_document|Shorten a long document to its main points.|document
open_ticket|Report an incident to the support team.|title,priority
assign_ticket|Give a ticket to a member of the support team.|ticket_id,agent
list_pull_requests|List the open pull requests of a repository.|repository
merge_pull_request|Merge a pull request into its base branch.|number
create_branch|Create a git branch from a commit.|name,commit
run_tests|Run the test suite of a project and report failures.|project
deploy_service|Roll a version of a service out to production.|service,version
rollback_deployment|Bring a service back to the version before.|service
restart_server|Reboot a machine.|host
query_database|Run a read-only SQL query.|sql
create_backup|Save a copy of a database.|database
resize_image|Change width and height of a picture.|image,width,height
transcribe_audio|Turn speech of a recording into text.|recording
play_music|Play a song or album on a speaker.|song,speaker
set_thermostat|Set the heating of a room.|room,temperature
switch_lights|Turn lamps on or off.|room,state
find_recipe|Find dishes that can be cooked with some ingredients.|ingredients,diet
count_calories|Estimate the energy of a meal.|meal
book_table|Reserve a table in a restaurant.|restaurant,guests,time
stock_price|Quote a share at the exchange.|symbol
solve_equation|Find the roots of a polynomial.|coefficients
plot_chart|Draw a bar, line or pie chart of some figures.|data,kind
request_vacation|Ask for days off.|from_date,to_date
pay_salary|Transfer the monthly wage to an employee.|employee,month
"""

ASKED: Final = (
    Asked("Will it rain in Oslo tomorrow?", ("get_weather_forecast",)),
    Asked("What time is it in Tokyo now?", ("getCurrentTime",)),
    Asked("How much are 200 dollars in euros? I need the currency converted.", ("convert_currency",)),
    Asked("I want to fly from Lyon to Porto, which flights are there?", ("searchFlights",)),
    Asked("Reserve me a hotel in Rome for three nights and hire a car there.", ("book_hotel_room", "rent_car")),
    Asked("Put lunch with Ana into my calendar", ("calendar_create_event",)),
    Asked("which appointments do I have on Friday", ("calendar_list_events",)),
    Asked("Mail the report to Ben", ("send_email",)),
    Asked("find the messages that Carla wrote about the audit in my mailbox", ("search_inbox",)),
    Asked("Bill the customer for ten hours of consulting", ("create_invoice",)),
    Asked("The customer wants the money of payment 88 back", ("refund_payment",)),
    Asked("Where is my parcel? The order is 4711.", ("get_order_status",)),
    Asked(
        "Please translate this letter into Spanish and shorten the document", ("translate_text", "summarize_document")
    ),
    Asked("Open an incident with high priority, the printer burns", ("open_ticket",)),
    Asked("Assigning ticket 12 to Dora", ("assign_ticket",)),
    Asked(
        "Show open pull requests of the repository core, then merge request 7",
        ("list_pull_requests", "merge_pull_request"),
    ),
    Asked("start a new branch at commit abc", ("create_branch",)),
    Asked("Do the tests of the project pass?", ("run_tests",)),
    Asked("Deploy version 3 of the billing service", ("deploy_service",)),
    Asked("Roll the billing service back", ("rollback_deployment",)),
    Asked("back up the customers database", ("create_backup",)),
    Asked("Make the picture 300 wide, resized properly", ("resize_image",)),
    Asked("I recorded a talk, write down the speech", ("transcribe_audio",)),
    Asked("Lamps off in the kitchen, please, and the heating of that room to 19", ("switch_lights", "set_thermostat")),
    Asked("What can I cook with eggs and spinach?", ("find_recipe",)),
    Asked("A table for four at the restaurant Da Gino at eight", ("book_table",)),
    Asked("How do shares of ACME stand at the exchange?", ("stock_price",)),
    Asked("Draw a pie chart of these figures", ("plot_chart",)),
    Asked("I would like two days off in May, request my vacation", ("request_vacation",)),
    Asked("Transfer her wage for March", ("pay_salary",)),
)
